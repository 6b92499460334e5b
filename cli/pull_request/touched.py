"""Which stacks a change may affect, judged by file names."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatch

SHARED = (
    "__main__.py",
    "Pulumi.yaml",
    "pyproject.toml",
    "uv.lock",
    "versions.toml",
    "infra/*",
    "images/*",
    "policies/*",
    "offline/plugins/*",
    "offline/go/*",
)
"""Files that affect every stack. Others (docs, tests) change no plan."""


def touched_stacks(files: Iterable[str], stacks: Sequence[str]) -> list[str]:
    """Those of `stacks` whose plan may differ."""
    files = set(files)
    if any(fnmatch(file, pattern) for file in files for pattern in SHARED):
        return list(stacks)
    return [stack for stack in stacks if f"Pulumi.{stack}.yaml" in files]
