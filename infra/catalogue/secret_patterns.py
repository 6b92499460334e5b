"""How secrets look: what the declaration refuses, and what the cluster refuses in a pod's environment.

The patterns are for Python and for RE2, which CEL has.
"""

from __future__ import annotations

from collections.abc import Mapping

NAMES = (
    r"(?i)((^|[_-])(pass|pwd)|password|passwd|passphrase|secret|token|credentials?"
    r"|(api|access|private|secret|signing)[_-]?key)([_-]?[0-9]+)?$"
)
"""What is called so has a secret for its value."""

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
"""By what it is."""
