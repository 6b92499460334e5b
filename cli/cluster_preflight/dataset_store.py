"""Checks that the store lets each team's key list the prefixes of its datasets, and no others."""

from collections.abc import Iterator

from botocore.exceptions import BotoCoreError, ClientError

from cli.cluster_preflight.object_store import client_of
from cli.cluster_preflight.wanted import CLUSTER, Wanted
from cli.finding import Finding
from infra.declaration.cluster import AccessKey

_PATH = f"{CLUSTER}.datasetStore"


def keys_are_limited(wanted: Wanted) -> Iterator[Finding]:
    """The platform can't limit them itself. The store may be reachable from pods only: then nothing is known."""
    store = wanted.settings.dataset_store
    try:
        for team, key in store.access_keys.items() if store else ():
            yield from _of_team(wanted, team, key)
    except BotoCoreError as error:
        problem = f"could not be asked from this machine ({str(error)[:160]})"
        yield Finding(f"{_PATH}.endpoint", problem, "check it yourself", blocking=False)


def _of_team(wanted: Wanted, team: str, key: AccessKey) -> Iterator[Finding]:
    path = f"{_PATH}.accessKeys.{team}"
    for name, dataset in wanted.declared.datasets.items():
        if dataset.objects is None:
            continue
        prefix, refusal = dataset.objects.prefix, _refusal(wanted, key, dataset.objects.prefix)
        if dataset.team == team and refusal:
            yield Finding(path, f"'{key.id}' may not list '{prefix}' of dataset '{name}' ({refusal})", "let it")
        elif dataset.team != team and not refusal:
            problem = f"'{key.id}' may list '{prefix}' of dataset '{name}', which is of team '{dataset.team}'"
            yield Finding(path, problem, f"limit that user to the prefixes of team '{team}'")


def _refusal(wanted: Wanted, key: AccessKey, prefix: str) -> str | None:
    """The store's error code."""
    store = wanted.settings.dataset_store
    assert store is not None
    try:
        client_of(store, key, wanted).list_objects_v2(Bucket=store.bucket, Prefix=prefix, MaxKeys=1)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return None
