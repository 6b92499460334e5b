"""Names given by AWS and GitHub, and of a stack's resources there, that several packages use."""

from __future__ import annotations

from infra.catalogue.names import PROJECT

ARTIFACTS, DATASETS, ACCESS_LOGS, REPLICA = "artifacts", "datasets", "access-logs", "replica"
"""The buckets of a stack; that of datasets only if objects are declared, and a replica only in a second region."""

GITHUB = "token.actions.githubusercontent.com"
"""The OIDC issuer of GitHub Actions. An account has at most one identity provider for it."""

GITHUB_AUDIENCE = "sts.amazonaws.com"
"""The audience of such a token."""

ECR_HOST = r"\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?"
"""A pattern for the registry of any account and region."""


def stack_prefix(stack: str) -> str:
    """What the names of a stack's resources begin with, unique in the account."""
    return f"{PROJECT}-{stack}"


def bucket_name(stack: str, purpose: str, account: str) -> str:
    """Globally unique by the account's id."""
    return f"{stack_prefix(stack)}-{purpose}-{account}"
