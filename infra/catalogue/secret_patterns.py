"""Patterns of secrets, refused in a declaration and in a pod's environment.

They are valid for Python and for RE2, which CEL uses.
"""

from __future__ import annotations

from collections.abc import Mapping

NAMES = (
    r"(?i)((^|[_-])(pass|pwd)|password|passwd|passphrase|secret|token|credentials?"
    r"|(api|access|private|secret|signing)[_-]?key)([_-]?[0-9]+)?$"
)
"""Names of variables and arguments whose values are secrets."""

VALUES: Mapping[str, str] = {
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY",
    "an access key": r"\b(AKIA|ASIA)[0-9A-Z]{16}\b",
    "a token of GitHub": r"\b(gh[pousr]_[0-9A-Za-z]{36}|github_pat_\w{22,})",
    "a token of GitLab": r"\bglpat-[\w-]{20}",
    "a token of Hugging Face": r"\bhf_[0-9A-Za-z]{30,}",
    "a token of Slack": r"\bxox[abposr]-[\w-]{10,}",
    "an API key": r"\bsk-[\w-]{20,}",
    "a signed token": r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.",
    "a password in an address": r"://[^/\s:@]+:[^/\s:@]+@",
}
"""By what a message calls it."""
