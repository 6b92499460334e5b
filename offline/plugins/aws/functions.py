"""The functions that a program invokes: answered from settings and tables, so that a preview and `up` see the same.

The one about a secret asks the account: it can only be invoked when the secret is there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from offline.plugins.aws.api import Api
from offline.plugins.aws.policy_document import policy_document
from offline.plugins.aws.settings import Settings, partition_of
from offline.plugins.marshal import Bag
from offline.plugins.provider import ProviderError

_ZONES = {
    "ap-northeast-1": "acd",
    "ap-northeast-2": "abcd",
    "ca-central-1": "abd",
    "us-east-1": "abcdef",
    "us-west-1": "ac",
    "us-west-2": "abcd",
}
_THREE = "abc"
_DIRECTIONS = {
    "central": "c",
    "east": "e",
    "north": "n",
    "northeast": "ne",
    "northwest": "nw",
    "south": "s",
    "southeast": "se",
    "southwest": "sw",
    "west": "w",
}
_IMAGE_DIGITS = 17


def invoke(token: str, args: Bag, settings: Settings, api: Api) -> Bag:
    """The result of one function."""
    if token == "aws:secretsmanager/getSecretVersion:getSecretVersion":
        return _secret_version(args, settings, api)
    function = _FUNCTIONS.get(token)
    if function is None:
        raise ProviderError(f"the stand-in for the aws plugin does not offer the function {token}")
    return function(args, settings)


def _caller(args: Bag, settings: Settings) -> Bag:
    account = settings.account
    arn = f"arn:{settings.partition}:iam::{account}:root"
    return {**args, "accountId": account, "arn": arn, "id": account, "userId": account}


def _region(args: Bag, settings: Settings) -> Bag:
    region = args.get("region") or args.get("name") or settings.region
    suffix = partition_of(region)[1]
    return {
        **args,
        "id": region,
        "name": region,
        "region": region,
        "endpoint": f"ec2.{region}.{suffix}",
        "description": region,
    }


def _zones(args: Bag, settings: Settings) -> Bag:
    region = args.get("region") or settings.region
    letters = _ZONES.get(region, _THREE)
    pairs = [(f"{region}{letter}", f"{_short(region)}-az{number}") for number, letter in enumerate(letters, 1)]
    kept = [
        (name, id)
        for name, id in pairs
        if name not in (args.get("excludeNames") or []) and id not in (args.get("excludeZoneIds") or [])
    ]
    names, ids = [name for name, _ in kept], [id for _, id in kept]
    return {**args, "id": region, "region": region, "names": names, "zoneIds": ids, "groupNames": [region]}


def _short(region: str) -> str:
    """`eu-west-1` is `euw1` in the ids of its zones."""
    *head, direction, number = region.split("-")
    return f"{''.join(head)}{_DIRECTIONS.get(direction, direction)}{number}"


def _partition(args: Bag, settings: Settings) -> Bag:
    partition, suffix = partition_of(settings.region)
    reverse = ".".join(reversed(suffix.split(".")))
    return {**args, "id": partition, "partition": partition, "dnsSuffix": suffix, "reverseDnsPrefix": reverse}


def _registry_token(args: Bag, settings: Settings) -> Bag:
    """A login that looks like one: there is no registry behind it that would check it."""
    region = args.get("region") or settings.region
    host = f"{args.get('registryId') or settings.account}.dkr.ecr.{region}.{partition_of(region)[1]}"
    return {
        **args,
        "id": region,
        "region": region,
        "userName": "AWS",
        "password": _digest("password", host),
        "authorizationToken": _digest("token", host),
        "expiresAt": "2038-01-19T03:14:07Z",
        "proxyEndpoint": f"https://{host}",
    }


def _parameter(args: Bag, settings: Settings) -> Bag:
    """AWS's public parameters name machine images; each gets an image of its own, always the same."""
    name, region = args["name"], args.get("region") or settings.region
    if not name.startswith("/aws/service/"):
        raise ProviderError(f"the stand-in for the aws plugin knows AWS's public parameters only, not '{name}'")
    value = f"ami-{_digest(name, region)[:_IMAGE_DIGITS]}"
    arn = f"arn:{settings.partition}:ssm:{region}::parameter{name}"
    known = {"arn": arn, "type": "String", "value": value, "insecureValue": value, "version": 1, "region": region}
    return {**args, "id": name, "withDecryption": args.get("withDecryption", True), **known}


def _secret_version(args: Bag, settings: Settings, api: Api) -> Bag:
    region, id = args.get("region") or settings.region, args["secretId"]
    wanted = {"SecretId": id, "VersionStage": args.get("versionStage") or "AWSCURRENT"}
    found = api.call("secretsmanager", region, "GetSecretValue", wanted)
    version = found["VersionId"]
    known = {"arn": found["ARN"], "secretString": found["SecretString"], "versionStages": found["VersionStages"]}
    return {**args, "id": f"{id}|{version}", "region": region, "versionId": version, **known}


def _digest(*parts: str) -> str:
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()


def _policy(args: Bag, _: Settings) -> Bag:
    return policy_document(args)


_FUNCTIONS: dict[str, Callable[[Bag, Settings], Bag]] = {
    "aws:index/getCallerIdentity:getCallerIdentity": _caller,
    "aws:index/getRegion:getRegion": _region,
    "aws:index/getAvailabilityZones:getAvailabilityZones": _zones,
    "aws:index/getPartition:getPartition": _partition,
    "aws:iam/getPolicyDocument:getPolicyDocument": _policy,
    "aws:ecr/getAuthorizationToken:getAuthorizationToken": _registry_token,
    "aws:ssm/getParameter:getParameter": _parameter,
}
