"""Names given by AWS and GitHub that several packages use."""

from __future__ import annotations

GITHUB = "token.actions.githubusercontent.com"
"""The OIDC issuer of GitHub Actions. An account has at most one identity provider for it."""

GITHUB_AUDIENCE = "sts.amazonaws.com"
"""The audience of such a token."""

SCALING_ROLE = "AWSServiceRoleForAutoScaling"
"""The service-linked role of Auto Scaling, created by AWS with an account's first group; its policies are fixed."""

ECR_HOST = r"\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?"
"""A pattern for the registry of any account and region."""
