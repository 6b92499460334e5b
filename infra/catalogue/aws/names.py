"""Names that AWS and GitHub have given, and that several parts of the project go by."""

from __future__ import annotations

GITHUB = "token.actions.githubusercontent.com"
"""Who signs the tokens of GitHub's workflows. An account has one identity provider for it, or none."""

GITHUB_AUDIENCE = "sts.amazonaws.com"
"""For whom such a token is made out."""

SCALING_ROLE = "AWSServiceRoleForAutoScaling"
"""Auto Scaling's own role, which AWS makes with an account's first group and nobody can give policies to."""
