"""What the responses talk to."""

from typing import Any

from controllers.servers import Unanswered


class Cluster:
    """Objects by their path; patches are kept."""

    def __init__(self, found: dict[str, Any]) -> None:
        self.found, self.patches = found, list[tuple[str, Any]]()

    def read(self, path: str) -> Any:
        if path not in self.found:
            raise Unanswered(f"GET {path}: 403 Forbidden")
        return self.found[path]

    def patch(self, path: str, patch: Any) -> None:
        self.patches.append((path, patch))
