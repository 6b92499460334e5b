"""How each service tags its resources."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from offline.plugins.aws.kind import Lookup, Tagging
from offline.plugins.marshal import Bag

EC2 = Tagging(
    "CreateTags",
    "DeleteTags",
    Lookup("DescribeTags", {"Filters": [{"Name": "resource-id", "Values": ["{id}"]}]}, "Tags"),
    "Resources",
    ["{id}"],
    keys="",
)
KMS = Tagging(
    "TagResource",
    "UntagResource",
    Lookup("ListResourceTags", {"KeyId": "{id}"}, "Tags"),
    "KeyId",
    "{id}",
    "TagKey",
)
ECR = Tagging(
    "TagResource",
    "UntagResource",
    Lookup("ListTagsForResource", {"resourceArn": "{arn}"}, "tags"),
    "resourceArn",
    tags="tags",
    keys="tagKeys",
)
EKS = Tagging(
    "TagResource",
    "UntagResource",
    Lookup("ListTagsForResource", {"resourceArn": "{arn}"}, "tags"),
    "resourceArn",
    form="map",
    tags="tags",
    keys="tagKeys",
)
NODES = replace(EKS, held=False)
LOGS = METRICS = GRAFANA = EKS
IAM_ROLE = Tagging("TagRole", "UntagRole", Lookup("ListRoleTags", {"RoleName": "{id}"}, "Tags"), "RoleName", "{id}")
IAM_POLICY = Tagging(
    "TagPolicy", "UntagPolicy", Lookup("ListPolicyTags", {"PolicyArn": "{id}"}, "Tags"), "PolicyArn", "{id}"
)
IAM_OIDC = Tagging(
    "TagOpenIDConnectProvider",
    "UntagOpenIDConnectProvider",
    Lookup("ListOpenIDConnectProviderTags", {"OpenIDConnectProviderArn": "{id}"}, "Tags"),
    "OpenIDConnectProviderArn",
    "{id}",
)
RDS = Tagging(
    "AddTagsToResource",
    "RemoveTagsFromResource",
    Lookup("ListTagsForResource", {"ResourceName": "{arn}"}, "TagList"),
    "ResourceName",
)
SECRETS = Tagging(
    "TagResource", "UntagResource", Lookup("DescribeSecret", {"SecretId": "{id}"}, "Tags"), "SecretId", "{id}"
)
TOPICS = Tagging(
    "TagResource",
    "UntagResource",
    Lookup("ListTagsForResource", {"ResourceArn": "{id}"}, "Tags"),
    "ResourceArn",
    "{id}",
)
S3 = Tagging(
    "PutBucketTagging",
    "DeleteBucketTagging",
    Lookup("GetBucketTagging", {"Bucket": "{id}"}, "TagSet"),
    "Bucket",
    "{id}",
    tags="Tagging.TagSet",
    keys="",
)


def written(tagging: Tagging, tags: Bag) -> Any:
    """Tags as the service wants them."""
    if tagging.form == "map":
        return dict(tags)
    value = tagging.form.replace("Key", "Value")
    return [{tagging.form: key, value: text} for key, text in tags.items()]


def read(tagging: Tagging, found: Any) -> dict[str, str]:
    """Tags as the service gives them, without those of AWS itself."""
    value = tagging.form.replace("Key", "Value")
    pairs = (found or {}) if tagging.form == "map" else {pair[tagging.form]: pair[value] for pair in found or []}
    return {key: text for key, text in pairs.items() if not key.startswith("aws:")}


def requests(tagging: Tagging, old: Bag, new: Bag) -> list[tuple[str, Bag]]:
    """The operations that turn the old tags into the new ones, without the resource's own argument."""
    if tagging.tags == "Tagging.TagSet":
        return _whole_set(tagging, old, new)
    gone = [key for key in old if key not in new]
    added = {key: text for key, text in new.items() if old.get(key) != text}
    found: list[tuple[str, Bag]] = []
    if gone:
        named = {tagging.keys: gone} if tagging.keys else {tagging.tags: [{"Key": key} for key in gone]}
        found.append((tagging.untag, named))
    if added:
        found.append((tagging.tag, {tagging.tags: written(tagging, added)}))
    return found


def _whole_set(tagging: Tagging, old: Bag, new: Bag) -> list[tuple[str, Bag]]:
    """S3 knows no single tags: the whole set is written anew."""
    if new and new != old:
        return [(tagging.tag, {"Tagging": {"TagSet": written(tagging, new)}})]
    return [(tagging.untag, {})] if old and not new else []
