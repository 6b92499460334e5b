"""Groups of the cluster come from roles of IAM: those that teams name must be those that are mapped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from infra.declaration.aws.settings import AwsFoundation
from infra.declaration.problems import Problem, suggestion
from infra.declaration.teams import Team

_RESERVED = ("system:", "eks:", "aws:", "amazon:", "iam:")


def groups_are_mapped(teams: Mapping[str, Team], aws: AwsFoundation) -> Iterator[Problem]:
    """A group that no role stands for has no users."""
    mapped = aws.cluster.groups
    for name, team in teams.items():
        for path, group in team.groups.named():
            if group not in mapped:
                words = f"'{group}' is mapped to no role of IAM; add it to platform.foundation.aws.cluster.groups"
                near = suggestion(group, mapped) if mapped else ""
                yield Problem(f"teams.{name}.groups.{path}", f"{words}{near}")


def mapped_groups_are_possible(aws: AwsFoundation) -> Iterator[Problem]:
    """EKS takes no group of its own, and gives each role one entry."""
    for group, arn in aws.cluster.groups.items():
        path = f"cluster.groups.{group}"
        if group.startswith(_RESERVED):
            yield Problem(path, f"'{group}' begins like a group of EKS itself; write another name")
        if arn.split(":")[4] != aws.account:
            yield Problem(path, f"{arn} is not a role of account {aws.account}; write one that is")
        if arn in aws.cluster.admins:
            words = f"{arn} administers the whole cluster already (cluster.admins); write a role of the group's own"
            yield Problem(path, words)
