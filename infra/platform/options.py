"""Options of the resources in the cluster."""

from __future__ import annotations

import pulumi

from infra.foundation import Foundation


def on_cluster(foundation: Foundation, *after: pulumi.Resource) -> pulumi.ResourceOptions:
    """With what reaches the cluster, once it is ready, and after others."""
    return pulumi.ResourceOptions(providers=[foundation.kubernetes], depends_on=[*foundation.ready, *after])
