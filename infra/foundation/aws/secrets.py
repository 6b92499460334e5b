"""The teams' secrets in Secrets Manager, where they can be read and rotated by people and pipelines."""

from __future__ import annotations

import pulumi
from pulumi_aws import secretsmanager

from infra.foundation.aws.context import AwsContext

_RECOVERY_DAYS = 30


def stored_secret(
    context: AwsContext,
    key: pulumi.Input[str],
    name: str,
    team: str,
    value: pulumi.Output[str],
    protect: bool,
    opts: pulumi.ResourceOptions,
) -> pulumi.Output[str]:
    """One secret, named after its stack and team. Without protection it is deleted without a recovery window.

    Returns the current value in Secrets Manager, so that a change made there takes effect.
    """
    secret = secretsmanager.Secret(
        name,
        name=f"{context.name}/{team}/{name}",
        description=f"Secret {name} of team {team}",
        kms_key_id=key,
        recovery_window_in_days=_RECOVERY_DAYS if protect else 0,
        tags={"team": team},
        opts=opts,
    )
    version = secretsmanager.SecretVersion(name, secret_id=secret.id, secret_string=value, opts=opts)
    current = secretsmanager.get_secret_version_output(
        secret_id=version.secret_id, opts=pulumi.InvokeOutputOptions(provider=opts.provider, depends_on=[version])
    )
    stored: pulumi.Output[str] = pulumi.Output.secret(current.secret_string)
    return stored
