"""Whether a stack fits a version of Kubernetes: a function of its plan, its declaration, tables and a day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from cli.finding import Finding
from cli.upgrade import cluster as clusters
from cli.upgrade import lifecycles, part_support, skew
from cli.upgrade.cluster import Cluster
from cli.upgrade.lifecycles import Lifecycle, Made
from cli.upgrade.parts import Part
from cli.upgrade.steps import Step, steps


@dataclass(frozen=True)
class Verdict:
    """`unknown` are questions that no maker's statement answers: they do not block."""

    current: int | None
    target: int
    support: Sequence[str]
    findings: Sequence[Finding]
    unknown: Sequence[Finding]
    steps: Sequence[Step]

    @property
    def fits(self) -> bool:
        return not any(finding.blocking for finding in self.findings)


def examine(
    stack: str,
    objects: Sequence[Made],
    parts: Sequence[Part],
    cluster: Cluster,
    table: Sequence[Lifecycle],
    target: int,
    today: date,
) -> Verdict:
    """Parts have to support each version on the way; removed API versions are those of the target."""
    way = skew.path(cluster, target) or [target]
    used = lifecycles.uses(objects, table, target)
    until = clusters.supported_until(cluster, target)
    findings = [
        *skew.findings(cluster, target),
        *lifecycles.findings(used, target),
        *part_support.unsupported(parts, way),
        *clusters.ended(cluster, target, today),
        *part_support.out_of_support(parts, until, target, today),
    ]
    unknown = [*clusters.dates_unknown(cluster, target), *part_support.unknown(parts, way)]
    return Verdict(
        cluster.version,
        target,
        list(clusters.support_dates(cluster, target)),
        sorted(findings, key=lambda finding: not finding.blocking),
        unknown,
        steps(cluster, target, used, parts, stack),
    )
