"""A role with its policies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
from pulumi_aws import iam

from infra.catalogue.names import PROJECT
from infra.foundation.aws.context import AwsContext


@dataclass(frozen=True)
class ServiceRoleArgs:
    """`managed`: AWS managed policies; `own`: inline ones; `attached`: the stack's managed ones.

    Inline policies of a role have at most 10240 characters together, an attached one has 6144.
    `unbounded`: without the boundary, for the pipeline.
    """

    context: AwsContext
    trust: str
    managed: Sequence[str] = ()
    own: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    attached: Mapping[str, str] = field(default_factory=dict)
    unbounded: bool = False
    longest_session: int | None = None
    """Seconds for which credentials may be valid; None: an hour."""


class ServiceRole(pulumi.ComponentResource):
    """Depending on it waits for all of its policies."""

    name: str
    arn: pulumi.Output[str]

    def __init__(self, name: str, args: ServiceRoleArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:foundation:AwsRole", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.name = args.context.role_name(name)
        role = iam.Role(
            name,
            name=self.name,
            assume_role_policy=args.trust,
            max_session_duration=args.longest_session,
            permissions_boundary=None if args.unbounded else args.context.boundary,
            opts=child,
        )
        self.arn = role.arn
        for policy in args.managed:
            short = policy.rpartition("/")[2]
            arn = args.context.managed_policy(policy)
            iam.RolePolicyAttachment(f"{name}-{short}", role=role.name, policy_arn=arn, opts=child)
        for policy, content in args.attached.items():
            full = f"{name}-{policy}"
            made = iam.Policy(full, name=args.context.role_name(full), policy=content, opts=child)
            iam.RolePolicyAttachment(full, role=role.name, policy_arn=made.arn, opts=child)
        for policy, text in args.own.items():
            iam.RolePolicy(f"{name}-{policy}", name=policy, role=role.name, policy=text, opts=child)
        self.register_outputs({"arn": self.arn})
