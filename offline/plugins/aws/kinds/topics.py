"""Topics, whose settings the API takes as attributes by name."""

from __future__ import annotations

from offline.plugins.aws.kind import Change, Kind, Lookup, Name, Step
from offline.plugins.aws.tagging import TOPICS
from offline.plugins.marshal import Bag

_ATTRIBUTES = ("deliveryPolicy", "displayName", "kmsMasterKeyId", "policy", "signatureVersion", "tracingConfig")


def _attribute(property: str) -> str:
    return f"{property[0].upper()}{property[1:]}"


def _grouped(bag: Bag) -> Bag:
    """Attributes together; the API wants to hear of other sorts of topics only where one is meant."""
    others = {key: value for key, value in bag.items() if key not in _ATTRIBUTES and value is not False}
    attributes = {_attribute(key): bag[key] for key in _ATTRIBUTES if bag.get(key) is not None}
    return {**others, "attributes": attributes}


def _changed(change: Change) -> list[Bag]:
    return [
        {"AttributeName": _attribute(key), "AttributeValue": str(change.new.get(key) or "")}
        for key in _ATTRIBUTES
        if change.old.get(key) != change.new.get(key)
    ]


TOPIC = Kind(
    "aws:sns/topic:Topic",
    "sns",
    Step("CreateTopic"),
    "TopicArn",
    Lookup("GetTopicAttributes", {"TopicArn": "{id}"}, "Attributes"),
    updates=(Step("SetTopicAttributes", _ATTRIBUTES, {"TopicArn": "{id}"}, build=_changed),),
    delete=(Step("DeleteTopic", arguments={"TopicArn": "{id}"}),),
    replaces=frozenset({"fifoTopic", "namePrefix"}),
    outputs={"arn": "TopicArn", "owner": "Owner", "policy": "Policy"},
    reshape=_grouped,
    defaults={"contentBasedDeduplication": False, "fifoTopic": False},
    name=Name(longest=256),
    tagging=TOPICS,
)

KINDS = (TOPIC,)
