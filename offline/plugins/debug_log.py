"""The engine's debug log, which has no switch: it takes nearly half of the time of a preview, and up to 500 MB.

The engine goes on without it where it can't make its folder (`StartLogging` in pkg/v3/cmd/pulumi/pulumi.go).
"""

import shutil
from pathlib import Path

_INSTEAD = "A file in place of the folder `logs`: so the engine writes no debug log. Remove it to have one.\n"


def prevent(pulumi_home: Path) -> None:
    """Put a file where its folder would be; logs that are there are deleted."""
    logs = pulumi_home / "logs"
    if logs.is_dir():
        shutil.rmtree(logs)
    if not logs.exists():
        logs.write_text(_INSTEAD)
