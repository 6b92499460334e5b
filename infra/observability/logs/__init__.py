"""Logs of pods that outlive their pods: a store, a collector on each node, and a proxy with a login for each team."""

from infra.observability.logs.component import Logs, LogsArgs

__all__ = ["Logs", "LogsArgs"]
