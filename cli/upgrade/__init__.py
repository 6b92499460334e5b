"""`make upgrade-check`: whether a stack may go to a version of Kubernetes, and in which order."""

from cli.upgrade.command import check

__all__ = ["check"]
