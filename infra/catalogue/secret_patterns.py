"""Patterns of secrets, refused in a declaration and in a pod's environment.

They are valid for Python and for RE2, which CEL uses.
"""

from __future__ import annotations

from collections.abc import Mapping

NAMES = (
    r"(?i)((^|[_-])(pass|pwd)|password|passwd|passphrase|secret|token|credentials?"
    r"|(api|access|private|secret|signing)[_-]?key)([_-]?[0-9]+)?$"
)
"""Names of variables and arguments whose values are secrets, except those below."""

WORDS = (
    r"(?i)(^|[_-])(additional|audio|begin|bos|cls|end|eod|eos|eot|extra|fim|image|mask|pad|padding|prompt|sep|sos"
    r"|special|start|stop|unk|unknown|video)[_-]?token([_-]?[0-9]+)?$"
)
"""Names of arguments whose values are words of a tokenizer, such as `--unk-token`."""

VALUES: Mapping[str, str] = {
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY",
    "an access key": r"\b(AKIA|ASIA)[0-9A-Z]{16}\b",
    "a token of GitHub": r"\b(gh[pousr]_[0-9A-Za-z]{36}|github_pat_\w{22,})",
    "a token of GitLab": r"\bglpat-[\w-]{20}",
    "a token of Hugging Face": r"\bhf_[0-9A-Za-z]{30,}",
    "a token of Slack": r"\bxox[abposr]-[0-9][\w-]{9,}",
    "an API key": r"\bsk-((proj|svcacct|admin|ant|or)-[\w-]{0,100}\w{20}|[\w-]{0,100}[0-9A-Za-z]{20})",
    "a signed token": r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.",
    "a password in an address": r"://[^/\s:@]+:[^/\s:@]+@",
}
"""By what a message calls it."""
