"""Alarms on the database's own metrics, which only CloudWatch has."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_aws import cloudwatch, rds

from infra.declaration.aws.settings import Database as Settings
from infra.foundation.aws.context import AwsContext

_GIB = 2**30
_MINUTES = 5


@dataclass(frozen=True)
class Alarm:
    """Raised when the average was beyond the threshold for `minutes`."""

    metric: str
    below: bool
    threshold: float
    minutes: int
    advice: str


@dataclass(frozen=True)
class AlarmsArgs:
    context: AwsContext
    settings: Settings
    topic: str


def alarms_of(settings: Settings) -> list[Alarm]:
    """RDS enlarges the storage by itself when a tenth is left, at most every six hours, up to a maximum."""
    return [
        Alarm(
            "FreeStorageSpace",
            True,
            settings.storage * _GIB / 20,
            30,
            "raise foundation.aws.database.storage, or clean up",
        ),
        Alarm("CPUUtilization", False, 90, 30, "look at Database Insights, or write a larger database.instanceClass"),
        Alarm("DatabaseConnections", False, 80, 15, "the smallest instances have about 100: look for a leak"),
    ]


def database_alarms(instance: rds.Instance, args: AlarmsArgs, opts: pulumi.ResourceOptions) -> None:
    """One alarm a metric; the topic is notified of its end too."""
    for alarm in alarms_of(args.settings):
        cloudwatch.MetricAlarm(
            alarm.metric,
            name=f"{args.context.name}-{args.settings.name}-{alarm.metric}",
            alarm_description=f"{args.context.name}-{args.settings.name}: {alarm.advice}",
            namespace="AWS/RDS",
            metric_name=alarm.metric,
            dimensions={"DBInstanceIdentifier": instance.identifier},
            statistic="Average",
            period=_MINUTES * 60,
            evaluation_periods=alarm.minutes // _MINUTES,
            comparison_operator="LessThanThreshold" if alarm.below else "GreaterThanThreshold",
            threshold=alarm.threshold,
            alarm_actions=[args.topic],
            ok_actions=[args.topic],
            opts=opts,
        )
