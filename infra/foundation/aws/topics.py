"""Topics of SNS that alerts are published to. Whoever wants to hear of them subscribes, as to any other topic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import sns

from infra.catalogue.names import PROJECT
from infra.foundation.aws.context import Place
from infra.foundation.aws.iam import Statement, allow, document, use_key
from infra.foundation.aws.keys import ALERTS
from infra.foundation.contract import Topic


@dataclass(frozen=True)
class TopicsArgs:
    place: Place
    names: Sequence[str]
    key: pulumi.Input[str]


class Topics(pulumi.ComponentResource):
    """Encrypted, and reached over TLS only. Who may publish stands with the role that does."""

    offer: Mapping[str, Topic]

    def __init__(self, name: str, args: TopicsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:foundation:AwsTopics", name, None, opts)
        place = args.place
        topics = {
            topic: sns.Topic(
                topic,
                name=f"{place.name}-{topic}",
                kms_master_key_id=args.key,
                policy=document(tls_only(place, topic)),
                opts=pulumi.ResourceOptions(parent=self),
            )
            for topic in args.names
        }
        self.offer = {topic: Topic(made.arn, place.region) for topic, made in topics.items()}
        self.register_outputs({})


def topic_arn(place: Place, topic: str) -> str:
    """Known before there is one."""
    return place.arn("sns", f"{place.name}-{topic}")


def tls_only(place: Place, topic: str) -> Statement:
    """Refuses the account's own people and roles without it; nobody else is let in at all."""
    return {
        "Effect": "Deny",
        "Principal": {"AWS": place.iam_arn("root")},
        "Action": ["sns:Publish"],
        "Resource": [topic_arn(place, topic)],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def publish_policy(place: Place, topics: Sequence[str]) -> str:
    """Publishing to some topics, whose messages are encrypted on the way."""
    return document(
        allow(["sns:Publish"], [topic_arn(place, topic) for topic in topics]),
        use_key(place, ALERTS, "sns", ["kms:GenerateDataKey", "kms:Decrypt"]),
    )
