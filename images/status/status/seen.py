"""What was found, and who could not be asked."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from status.alerts import Alert
from status.declared import Declared
from status.pools import Node, Pool
from status.workloads import BAD, GOOD, WAITING, Workload


@dataclass
class Seen:
    """None where nobody answered; `problems` says who did not, and why."""

    declared: Declared
    endpoints: Sequence[Workload] | None = None
    jobs: Sequence[Workload] | None = None
    parts: Sequence[Workload] | None = None
    pools: Sequence[Pool] | None = None
    nodes: Sequence[Node] | None = None
    alerts: Sequence[Alert] | None = None
    heard: bool = False
    """Whether Alertmanager hears from Prometheus."""
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
        """A mood and a sentence: what a person wants to know first."""
        wrong = [
            _counted(sum(alert.severity == "critical" for alert in self.alerts or ()), "critical alert"),
            _counted(sum(endpoint.mood != GOOD for endpoint in self.endpoints or ()), "endpoint", "not fully ready"),
            _counted(sum(part.mood != GOOD for part in self.parts or ()), "platform part", "not ready"),
            _counted(sum(not node.ready for node in self.nodes or ()), "node", "not ready"),
        ]
        found = [each for each in wrong if each]
        if found:
            return BAD, "; ".join(found)
        if self.problems:
            return WAITING, "Not everything could be asked"
        less = [_counted(self.firing, "alert"), _counted(self.count(BAD), "job", "failed or missing")]
        rest = [each for each in less if each]
        return (WAITING, "; ".join(rest)) if rest else (GOOD, "All is well")


def _counted(number: int, what: str, state: str = "") -> str:
    return f"{number} {what}{'' if number == 1 else 's'} {state}".strip() if number else ""
