"""SNS topics that alerts are published to, and their subscriptions by email."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_aws import sns

from infra.catalogue.names import PROJECT
from infra.foundation.aws.context import AwsContext
from infra.foundation.aws.iam import Statement, allow, document, grant, use_key
from infra.foundation.aws.keys import ALERTS
from infra.foundation.contract import Topic

_SUBJECT = "[{{ .Status | toUpper }}] {{ .GroupLabels.alertname }}"
"""SNS refuses subjects longer than 100 characters; Alertmanager's default easily exceeds that."""


@dataclass(frozen=True)
class TopicsArgs:
    context: AwsContext
    subscribers: Mapping[str, Sequence[str]]
    """Email addresses by topic."""
    key: pulumi.Input[str]


class Topics(pulumi.ComponentResource):
    """Encrypted, and reached over TLS only. Alertmanager's role grants `sns:Publish`; alarms of CloudWatch may too."""

    outputs: Mapping[str, Topic]

    def __init__(self, name: str, args: TopicsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:foundation:AwsTopics", name, None, opts)
        context = args.context
        topics = {
            topic: sns.Topic(
                topic,
                name=f"{context.name}-{topic}",
                kms_master_key_id=args.key,
                policy=document(tls_only(context, topic), alarms(context, topic)),
                opts=pulumi.ResourceOptions(parent=self),
            )
            for topic in args.subscribers
        }
        for topic, addresses in args.subscribers.items():
            for address in addresses:
                sns.TopicSubscription(
                    f"{topic}-{address}",
                    topic=topics[topic].arn,
                    protocol="email",
                    endpoint=address,
                    opts=pulumi.ResourceOptions(parent=self),
                )
        self.outputs = {topic: Topic(receiver(made.arn, context.region)) for topic, made in topics.items()}
        self.register_outputs({})


def receiver(arn: pulumi.Input[str], region: str) -> dict[str, Any]:
    """Alertmanager's configuration for publishing to a topic; requests are signed with the pod's identity."""
    settings = {"topic_arn": arn, "subject": _SUBJECT, "send_resolved": True, "sigv4": {"region": region}}
    return {"sns_configs": [settings]}


def topic_arn(context: AwsContext, topic: str) -> str:
    """Known before the topic exists."""
    return context.arn("sns", f"{context.name}-{topic}")


def tls_only(context: AwsContext, topic: str) -> Statement:
    """Denies the account's own principals without TLS; other accounts have no access anyway."""
    return {
        "Effect": "Deny",
        "Principal": {"AWS": context.iam_arn("root")},
        "Action": ["sns:Publish"],
        "Resource": [topic_arn(context, topic)],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def alarms(context: AwsContext, topic: str) -> Statement:
    """Allows CloudWatch to publish the stack's alarms."""
    return grant(
        {"Service": "cloudwatch.amazonaws.com"},
        ["sns:Publish"],
        [topic_arn(context, topic)],
        {
            "StringEquals": {"aws:SourceAccount": context.account},
            "ArnLike": {"aws:SourceArn": context.arn("cloudwatch", f"alarm:{context.name}-*")},
        },
    )


def publish_policy(context: AwsContext, topics: Sequence[str]) -> str:
    """Publishing to the given topics, whose messages are encrypted with a KMS key."""
    return document(
        allow(["sns:Publish"], [topic_arn(context, topic) for topic in topics]),
        use_key(context, ALERTS, "sns", ["kms:GenerateDataKey", "kms:Decrypt"]),
    )
