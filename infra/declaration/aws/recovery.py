"""What a database is restored from, and backups in a second region."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from infra.declaration.aws.types import AutomatedBackup, InstanceName, Snapshot
from infra.declaration.problems import Problem
from infra.declaration.types import Settings

LATEST = "latest"
_WRITE_TIME = f"one such as 2026-11-27T10:40:00Z, in UTC, or {LATEST}"


def _point_in_time(value: str) -> str:
    """RDS takes UTC only."""
    if value == LATEST:
        return value
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        time = None
    if time is None or time.utcoffset() != timedelta():
        raise ValueError(f"{value!r} is not a point in time; write {_WRITE_TIME}")
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


PointInTime = Annotated[
    str,
    AfterValidator(_point_in_time),
    WithJsonSchema({"type": "string", "examples": ["2026-11-27T10:40:00Z", LATEST]}),
]


class RestoreFrom(Settings):
    """What the database's instance is made from, when it is created: exactly one of `snapshot`, `instance` and
    `automatedBackup`."""

    snapshot: Snapshot | None = Field(default=None, description="A DB snapshot: its identifier, or its ARN")
    instance: InstanceName | None = Field(
        default=None, description="An instance of this stack, which is among `database.retained`"
    )
    automated_backup: AutomatedBackup | None = Field(
        default=None,
        description="ARN of an automated backup: a replicated one, or the retained one of a deleted instance",
    )
    point_in_time: PointInTime | None = Field(
        default=None,
        description=f"Time in UTC to which an instance or an automated backup is restored; {LATEST}: as late as "
        "possible",
    )

    @model_validator(mode="after")
    def _names_one_source(self) -> RestoreFrom:
        sources = (self.snapshot, self.instance, self.automated_backup)
        if sum(source is not None for source in sources) != 1:
            raise ValueError("needs exactly one of 'snapshot', 'instance' and 'automatedBackup'")
        if self.snapshot is None and self.point_in_time is None:
            raise ValueError(f"has no 'pointInTime'; write {_WRITE_TIME}")
        if self.snapshot is not None and self.point_in_time is not None:
            raise ValueError("has a 'pointInTime', which a snapshot has not; remove it, or write 'instance'")
        return self

    def problems(self, path: str, name: str, retained: tuple[str, ...], region: str) -> Iterator[Problem]:
        """`name` is the instance that is created in `region`, and `retained` are those that are kept."""
        if self.instance == name:
            message = f"'{name}' can't be restored over itself; write another database.name, such as {name}-2"
            yield Problem(f"{path}.instance", message)
        elif self.instance is not None and self.instance not in retained:
            gone = f"'{self.instance}' is not in database.retained, so it would be deleted"
            message = f"{gone}; add it, or remove restoreFrom if the restore is done"
            yield Problem(f"{path}.instance", message)
        for setting, source in (("snapshot", self.snapshot), ("automatedBackup", self.automated_backup)):
            place = source.split(":")[3] if source is not None and source.startswith("arn:") else region
            if place != region:
                yield Problem(f"{path}.{setting}", f"{source} is in {place}; write one of {region}, or copy it there")


class Backup(Settings):
    """Copies of the database's automated backups and of the artifact store in another region."""

    region: str = Field(description="Another AWS region, such as eu-west-1; RDS must replicate backups to it")
