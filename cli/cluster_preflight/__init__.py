"""Read-only checks of an existing cluster and its registry before a deployment."""

from cli.cluster_preflight.check import check, examine

__all__ = ["check", "examine"]
