"""The state of the stack, and the sources that did not answer."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from status.alerts import Alert
from status.declared import Declared
from status.pools import Node, Pool
from status.workloads import BAD, GOOD, WAITING, Workload


@dataclass
class Seen:
    """Fields are None if their source did not answer; `problems` says which did not, and why."""

    declared: Declared
    endpoints: Sequence[Workload] | None = None
    jobs: Sequence[Workload] | None = None
    parts: Sequence[Workload] | None = None
    pools: Sequence[Pool] | None = None
    nodes: Sequence[Node] | None = None
    alerts: Sequence[Alert] | None = None
    heard: bool = False
    """Whether the heartbeat from Prometheus reaches Alertmanager."""
    measured: bool = False
    """Whether Prometheus answers."""
    problems: list[str] = field(default_factory=list)

    @property
    def firing(self) -> int:
        return len(self.alerts or ())

    def count(self, mood: str) -> int:
        """Of jobs."""
        return sum(job.mood == mood for job in self.jobs or ())

    @property
    def well(self) -> int:
        """Endpoints whose every server is ready."""
        return sum(endpoint.mood == GOOD for endpoint in self.endpoints or ())

    @property
    def gpus(self) -> tuple[int, int]:
        """Used, and all."""
        return sum(pool.used for pool in self.pools or ()), sum(pool.gpus for pool in self.pools or ())

    @property
    def verdict(self) -> tuple[str, str]:
        """The overall state: a mood and a sentence."""
        wrong = [
            _counted(sum(alert.severity == "critical" for alert in self.alerts or ()), "critical alert"),
            _counted(sum(endpoint.mood != GOOD for endpoint in self.endpoints or ()), "endpoint", "not fully ready"),
            _counted(sum(part.mood != GOOD for part in self.parts or ()), "platform component", "not ready"),
            _counted(sum(not node.ready for node in self.nodes or ()), "node", "not ready"),
        ]
        found = [each for each in wrong if each]
        if found:
            return BAD, "; ".join(found)
        if self.problems:
            return WAITING, "Some sources are unavailable"
        less = [_counted(self.firing, "alert"), _counted(self.count(BAD), "job", "failed or missing")]
        rest = [each for each in less if each]
        return (WAITING, "; ".join(rest)) if rest else (GOOD, "All is well")


def _counted(number: int, what: str, state: str = "") -> str:
    return f"{number} {what}{'' if number == 1 else 's'} {state}".strip() if number else ""
