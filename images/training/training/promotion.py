"""When a new version takes the champion's place: as declared, by a metric on held-out digits."""

import os
from collections.abc import Collection
from dataclasses import dataclass

DEFAULT = "holdout_accuracy"


@dataclass(frozen=True)
class Promotion:
    """Better by `margin`, or with a margin of 0 not worse."""

    metric: str = DEFAULT
    margin: float = 0.0
    minimize: bool = False


@dataclass(frozen=True)
class Decision:
    """Whether a candidate takes the champion's place, and the sentence that says why."""

    promoted: bool
    reason: str


def declared(metrics: Collection[str]) -> Promotion:
    """As the platform declares it; exits before the training if there is no such metric."""
    metric = os.environ.get("PROMOTION_METRIC", DEFAULT)
    if metric not in metrics:
        wanted = " or ".join(sorted(metrics))
        raise SystemExit(f"training: promotion.metric: this job does not measure '{metric}'; write {wanted}")
    margin, goal = os.environ.get("PROMOTION_MARGIN", "0"), os.environ.get("PROMOTION_GOAL", "maximize")
    return Promotion(metric, float(margin), goal == "minimize")


def decide(
    wanted: Promotion, candidate: float, champion: float | None, champion_version: str | None = None
) -> Decision:
    measured = f"{wanted.metric} {candidate:.4f}"
    if champion is None:
        return Decision(True, f"{measured}, and there is no champion yet")
    gained = champion - candidate if wanted.minimize else candidate - champion
    margin = f", and {wanted.margin:.4f} better is wanted" if wanted.margin else ""
    return Decision(
        gained >= wanted.margin, f"{measured}, champion version {champion_version} has {champion:.4f}{margin}"
    )
