"""The teams' secrets in Secrets Manager, where people and pipelines of the account find them."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
from pulumi_aws import secretsmanager

from infra.foundation.aws.place import Place

_RECOVERY_DAYS = 30


def stored_secret(
    place: Place,
    key: pulumi.Input[str],
    name: str,
    team: str,
    value: pulumi.Output[str],
    protect: bool,
    opts: pulumi.ResourceOptions,
) -> Sequence[pulumi.Resource]:
    """One secret under its stack's and its team's name, and its value. Without protection it is gone at once."""
    secret = secretsmanager.Secret(
        name,
        name=f"{place.name}/{team}/{name}",
        description=f"Secret {name} of team {team}",
        kms_key_id=key,
        recovery_window_in_days=_RECOVERY_DAYS if protect else 0,
        tags={"team": team},
        opts=opts,
    )
    version = secretsmanager.SecretVersion(name, secret_id=secret.id, secret_string=value, opts=opts)
    return [secret, version]
