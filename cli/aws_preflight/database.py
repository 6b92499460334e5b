"""Checks that RDS offers the declared database in the region, and copies of its backups in the second one."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cli.aws_preflight.wanted import AWS, Client, Wanted
from cli.finding import Finding
from infra.declaration.aws.settings import Database

_CLASS, _VERSION = f"{AWS}.database.instanceClass", f"{AWS}.database.version"
_STORAGE = "gp3"
_DEFAULT = Database().instance_class


def database_is_offered(client: Client, wanted: Wanted) -> Iterator[Finding]:
    """The instance class with the version, and with all that the stack asks of it."""
    settings, region = wanted.aws.database, wanted.aws.region
    offers = _offers(client, settings.instance_class)
    if not offers:
        problem = f"RDS offers no PostgreSQL on '{settings.instance_class}' in {region}"
        yield Finding(_CLASS, problem, _another(settings.instance_class))
        return
    versions = sorted({_major(offer) for offer in offers}, key=int)
    offers = [offer for offer in offers if _major(offer) == settings.version]
    if not offers:
        problem = f"RDS does not offer PostgreSQL '{settings.version}' on '{settings.instance_class}' in {region}"
        yield Finding(_VERSION, problem, f"write one of {', '.join(versions)}, or another instanceClass")
        return
    if lacking := _lacking(offers, wanted):
        problem = f"'{settings.instance_class}' lacks {' and '.join(lacking)}"
        yield Finding(_CLASS, problem, _another(settings.instance_class))


def backups_are_replicated(client: Client, wanted: Wanted) -> Iterator[Finding]:
    """RDS replicates automated backups between certain pairs of regions, and the second one knows from where."""
    if wanted.aws.backup is None:
        return
    here, there = wanted.aws.region, wanted.aws.backup.region
    sources = client("rds", there).describe_source_regions(RegionName=here)["SourceRegions"]
    if not any(source.get("SupportsDBInstanceAutomatedBackupsReplication") for source in sources):
        problem = f"RDS does not replicate automated backups from {here} to {there}"
        yield Finding(f"{AWS}.backup.region", problem, "write a region of RDS's list; docs/aws.md has its address")


def _another(instance_class: str) -> str:
    return f"write another class, such as {'db.m7g.large' if instance_class == _DEFAULT else _DEFAULT}"


def _lacking(offers: Sequence[Mapping[str, Any]], wanted: Wanted) -> list[str]:
    """What none of the offers has."""
    multi_zone, zones = wanted.aws.database.multi_zone, wanted.aws.network.zones
    offered = {zone["Name"] for offer in offers for zone in offer.get("AvailabilityZones", ())} & set(zones)
    enough = 2 if multi_zone else 1
    has = {
        f"{_STORAGE} storage": any(offer.get("StorageType") == _STORAGE for offer in offers),
        "encrypted storage": any(offer.get("SupportsStorageEncryption") for offer in offers),
        "Performance Insights": any(offer.get("SupportsPerformanceInsights") for offer in offers),
        "Multi-AZ": not multi_zone or any(offer.get("MultiAZCapable") for offer in offers),
        f"an offer in {enough} of {', '.join(zones)}": len(offered) >= enough,
    }
    return [what for what, there in has.items() if not there]


def _offers(client: Client, instance_class: str) -> list[Mapping[str, Any]]:
    """One for each version and type of storage."""
    pages = client("rds").get_paginator("describe_orderable_db_instance_options")
    asked = pages.paginate(
        Engine="postgres", DBInstanceClass=instance_class, Vpc=True, PaginationConfig={"PageSize": 1000}
    )
    return [offer for page in asked for offer in page["OrderableDBInstanceOptions"]]


def _major(offer: Mapping[str, Any]) -> str:
    return str(offer["EngineVersion"]).partition(".")[0]
