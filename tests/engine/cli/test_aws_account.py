"""Preflight on aws: what is there before the stack: roles, networks, the state, database classes, groups of users."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cli import docker_preflight, stack
from cli.aws_preflight import Finding, addresses, examine
from cli.aws_preflight.addresses import caller_may_reach_the_api, public_networks_are_real
from cli.aws_preflight.database import backups_are_replicated, database_is_offered
from cli.aws_preflight.grafana import identity_center_has_the_groups
from cli.aws_preflight.roles import declared_roles_exist, service_linked_roles_exist
from cli.aws_preflight.state import (
    bucket_names_are_free,
    pipeline_reads_the_state,
    secrets_key_is_usable,
    state_bucket_keeps_versions,
)
from cli.aws_preflight.wanted import Client, Wanted
from common import paths
from common.errors import CommandError
from infra.foundation.aws.context import AwsContext
from offline import machine
from tests.engine.cli.aws import (
    ACCOUNT,
    CLUSTER,
    REGION,
    foundation,
    pool,
    refusing,
    session_of,
    wanted,
)

AWS = "platform.foundation.aws"
PLACE = AwsContext(ACCOUNT, REGION, "prod", "ml", "ml")
CI = {"repository": "example/ml-platform"}
DEPLOY, PREVIEW = f"{CLUSTER}-ci-deploy", f"{CLUSTER}-ci-preview"


def marked(findings: Iterator[Finding]) -> list[str]:
    """As they are printed."""
    return [f"{'✗' if finding.blocking else '!'} {finding}" for finding in findings]


def test_the_names_are_those_of_the_stack() -> None:
    asked = wanted(foundation(ci=CI))
    own = dict.fromkeys((PLACE.bucket_name(purpose) for purpose in ("artifacts", "access-logs")), REGION)
    assert asked.buckets == own
    more = Wanted(foundation(backup={"region": "eu-west-1"}), {}, CLUSTER, objects=True).buckets
    assert more == own | {PLACE.bucket_name("datasets"): REGION, PLACE.bucket_name("replica"): "eu-west-1"}
    assert asked.pipeline_roles == {name: PLACE.role_name(f"ci-{name}") for name in ("preview", "deploy")}
    assert wanted().pipeline_roles == {}


def role_arn(name: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:role/{name}"


@contextmanager
def roles(moto: Client, *names: str) -> Iterator[None]:
    """Roles that the account has, by path and name."""
    iam, made = moto("iam"), [name.rpartition("/") for name in names]
    for path, _, name in made:
        iam.create_role(Path=f"/{path}/" if path else "/", RoleName=name, AssumeRolePolicyDocument="{}")
    try:
        yield
    finally:
        for _, _, name in made:
            iam.delete_role(RoleName=name)


def test_declared_roles_must_exist(moto: Client) -> None:
    cluster = {"admins": [role_arn("admin")], "groups": {"leads": role_arn("vision-leads")}}
    asked = wanted(foundation(cluster=cluster))
    assert marked(declared_roles_exist(moto, asked)) == [
        f"✗ {AWS}.cluster.admins.0: the role {role_arn('admin')} does not exist; create it, or remove the entry",
        f"✗ {AWS}.cluster.groups.leads: the role {role_arn('vision-leads')} does not exist; "
        "create it, or remove the entry",
    ]
    with roles(moto, "admin", "vision-leads"):
        assert marked(declared_roles_exist(moto, asked)) == []


def test_a_role_is_declared_with_its_path(moto: Client) -> None:
    """As the roles that IAM Identity Center makes; the ARN of a session does not show it."""
    path = "aws-reserved/sso.amazonaws.com/eu-central-1"
    with roles(moto, f"{path}/AWSReservedSSO_Admin_0f"):
        without, whole = role_arn("AWSReservedSSO_Admin_0f"), role_arn(f"{path}/AWSReservedSSO_Admin_0f")
        assert marked(declared_roles_exist(moto, wanted(foundation(cluster={"admins": [without]})))) == [
            f"✗ {AWS}.cluster.admins.0: no role is called {without}: it has another path; write {whole}"
        ]
        assert marked(declared_roles_exist(moto, wanted(foundation(cluster={"admins": [whole]})))) == []


def test_who_may_not_ask_for_roles_is_told_so(moto: Client) -> None:
    (line,) = marked(declared_roles_exist(refusing(moto, "iam", "GetRole"), wanted()))
    assert line == (
        f"! {AWS}.cluster.admins.0: could not check that these roles exist: the caller may not read them; "
        "allow the caller iam:GetRole, or check it yourself"
    )


def linked(client: Client, asked: Wanted) -> list[str]:
    return [
        f"{line.split(':')[0]}: {line.split('the account has no ')[1].split(',')[0]}"
        for line in marked(service_linked_roles_exist(client, asked))
    ]


def test_nodes_need_roles_that_only_an_administrator_creates(moto: Client) -> None:
    pools = {
        "a10g": pool("g5.xlarge", capacity=["spot"]),
        "h100": pool("p5.48xlarge", fixedSize=True),
    }
    assert linked(moto, Wanted(foundation(), pools, CLUSTER)) == [
        "✗ platform.nodePools.a10g.aws.capacity: AWSServiceRoleForEC2Spot",
    ]
    (first,) = marked(service_linked_roles_exist(moto, Wanted(foundation(), pools, CLUSTER)))
    assert first.endswith(
        "; run `aws iam create-service-linked-role --aws-service-name spot.amazonaws.com`, once per account"
    )
    assert linked(moto, wanted(cpu=pool("m7i.large"))) == []
    with roles(moto, "aws-service-role/spot.amazonaws.com/AWSServiceRoleForEC2Spot"):
        assert linked(moto, Wanted(foundation(), pools, CLUSTER)) == []


@pytest.mark.parametrize(("role", "mark"), [(DEPLOY, "✗"), (PREVIEW, "!"), ("admin", None)])
def test_the_pipeline_creates_no_service_linked_roles(
    moto: Client, stubbed: Callable[..., Client], role: str, mark: str | None
) -> None:
    """An administrator's `make up` does."""
    sts = stubbed({"sts": [session_of(role)]})

    def client(service: str) -> Any:
        return sts(service) if service == "sts" else moto(service)

    found = linked(client, wanted(foundation(ci=CI)))
    services = [
        f"{AWS}.cluster: AWSServiceRoleForAmazonEKS",
        f"{AWS}.database: AWSServiceRoleForRDS",
        f"{AWS}.registry.mirrors: AWSServiceRoleForECRPullThroughCache",
    ]
    assert found == ([f"{mark} {line}" for line in services] if mark else [])


def reachable_from(*cidrs: str, **changes: object) -> Wanted:
    return wanted(foundation(cluster={"admins": [role_arn("admin")], "publicCidrs": list(cidrs)}, **changes))


def test_networks_of_examples_and_private_ones_let_nobody_in(moto: Client) -> None:
    asked = reachable_from("203.0.113.0/24", "8.8.8.0/24", "10.0.0.0/8", "100.64.0.0/10")
    fix = "no machine connects from there; write the networks of your team and of its runners, or none for a private"
    assert marked(public_networks_are_real(moto, asked)) == [
        f"✗ {AWS}.cluster.publicCidrs.0: 203.0.113.0/24 is reserved for examples in documentation: {fix} endpoint",
        f"✗ {AWS}.cluster.publicCidrs.2: 10.0.0.0/8 is not a network of the internet: {fix} endpoint",
        f"✗ {AWS}.cluster.publicCidrs.3: 100.64.0.0/10 is not a network of the internet: {fix} endpoint",
    ]


@pytest.fixture
def seen_as(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """A server that tells everybody the same address."""
    body = [b""]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body[0])

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setattr(addresses, "PUBLIC_ADDRESS", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    def say(text: str) -> None:
        body[0] = text.encode()

    yield say
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_machine_outside_of_the_networks_is_warned(moto: Client, seen_as: Callable[[str], None]) -> None:
    seen_as("8.8.8.8\n")
    assert marked(caller_may_reach_the_api(moto, reachable_from("9.9.9.0/24", "8.8.8.0/24"))) == []
    assert marked(caller_may_reach_the_api(moto, reachable_from("9.9.9.0/24"))) == [
        f"! {AWS}.cluster.publicCidrs: this machine's public address 8.8.8.8 is in none of them; "
        "add 8.8.8.8/32, or deploy from an address in them or inside the VPC"
    ]


def test_where_nobody_tells_the_address_it_is_a_warning(
    moto: Client, seen_as: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen_as("<html>log in first</html>")
    (portal,) = marked(caller_may_reach_the_api(moto, reachable_from("9.9.9.0/24")))
    monkeypatch.setattr(addresses, "PUBLIC_ADDRESS", "http://127.0.0.1:1")
    (silent,) = marked(caller_may_reach_the_api(moto, reachable_from("9.9.9.0/24")))
    assert portal.startswith(f"! {AWS}.cluster.publicCidrs: could not ask http://127.0.0.1:")
    assert portal.endswith("(it answers with something else); check it yourself")
    assert silent.endswith("(ConnectionError); check it yourself")


def test_the_address_is_not_asked_for_where_it_does_not_matter(
    moto: Client, stubbed: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a private endpoint, with networks that do not exist, and for the role that only previews."""

    def never() -> None:
        raise AssertionError("asked")

    monkeypatch.setattr(addresses, "public_address", never)
    assert marked(caller_may_reach_the_api(moto, wanted())) == []
    assert marked(caller_may_reach_the_api(moto, reachable_from("203.0.113.0/24"))) == []
    preview = stubbed({"sts": [session_of(PREVIEW)]})
    assert marked(caller_may_reach_the_api(preview, reachable_from("9.9.9.0/24", ci=CI))) == []


@contextmanager
def bucket(moto: Client, name: str, region: str = REGION, *, versions: bool = True) -> Iterator[None]:
    s3 = moto("s3")
    if region != REGION:
        import boto3

        keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
        s3 = boto3.client("s3", region_name=region, endpoint_url=s3.meta.endpoint_url, **keys)
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region})
    if versions:
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    try:
        yield
    finally:
        s3.delete_bucket(Bucket=name)


def with_state(backend: str = "", secrets: str = "", **ci: str) -> Wanted:
    return Wanted(foundation(ci={**CI, **ci}), {}, CLUSTER, backend, secrets)


def test_the_bucket_of_the_state_must_exist_and_keep_versions(moto: Client) -> None:
    backend = with_state("s3://team-state/folder?region=eu-central-1&awssdk=v2")
    assert marked(state_bucket_keeps_versions(moto, backend)) == [
        "✗ PULUMI_BACKEND_URL: there is no bucket team-state; create it as in docs/aws.md, or write another one"
    ]
    with bucket(moto, "team-state", versions=False):
        assert marked(state_bucket_keeps_versions(moto, backend)) == [
            "! PULUMI_BACKEND_URL: team-state keeps no old versions: a damaged state could not be restored; run "
            "`aws s3api put-bucket-versioning --bucket team-state --versioning-configuration Status=Enabled`"
        ]
    with bucket(moto, "team-state"):
        assert marked(state_bucket_keeps_versions(moto, backend)) == []
        assert marked(state_bucket_keeps_versions(moto, with_state(stateBucket="team-state"))) == []
    (line,) = marked(state_bucket_keeps_versions(moto, with_state(stateBucket="team-state")))
    assert line.startswith(f"✗ {AWS}.ci.stateBucket: there is no bucket team-state")
    assert marked(state_bucket_keeps_versions(moto, with_state("file:///srv/state"))) == []


def test_the_bucket_of_the_state_is_in_the_region_that_is_named(moto: Client) -> None:
    with bucket(moto, "team-state", "eu-west-1"):
        (line,) = marked(state_bucket_keeps_versions(moto, with_state("s3://team-state?region=eu-central-1")))
        assert line == (
            "✗ PULUMI_BACKEND_URL: team-state is in eu-west-1, not in eu-central-1; write ?region=eu-west-1"
        )
        (line,) = marked(state_bucket_keeps_versions(moto, with_state("s3://team-state?region=eu-west-1")))
        assert line.startswith("! PULUMI_BACKEND_URL: team-state is in eu-west-1, and the platform in eu-central-1")


def test_the_pipeline_gets_the_bucket_that_has_the_state(moto: Client) -> None:
    assert marked(pipeline_reads_the_state(moto, with_state("s3://team-state", stateBucket="team-state"))) == []
    assert marked(pipeline_reads_the_state(moto, with_state("file:///srv/state", stateBucket="team-state"))) == []
    for declared in ({}, {"stateBucket": "another"}):
        (line,) = marked(pipeline_reads_the_state(moto, with_state("s3://team-state", **declared)))
        assert line.startswith(f"✗ {AWS}.ci.stateBucket: {declared.get('stateBucket', 'no bucket')} is declared, but")
        assert line.endswith("; write stateBucket: team-state")


def test_who_may_not_ask_for_the_bucket_is_told_so(moto: Client) -> None:
    found = examine(refusing(moto, "s3", "GetBucketLocation"), with_state("s3://team-state", stateBucket="team-state"))
    (finding,) = [each for each in found if "state bucket" in each.problem]
    assert not finding.blocking
    assert finding.fix == "allow the caller GetBucketLocation, or check it yourself"


def test_the_key_of_the_secrets_must_be_there_and_enabled(moto: Client) -> None:
    def secrets(key: str) -> list[str]:
        return marked(secrets_key_is_usable(moto, with_state(secrets=key)))

    by_alias = "awskms://alias/team-state?region=eu-central-1"
    assert secrets(by_alias) == [
        "✗ secretsprovider: there is no key alias/team-state in eu-central-1: the secrets in the state can't be "
        "decrypted; create it as in docs/aws.md, or write another one"
    ]
    kms = moto("kms")
    made = kms.create_key()["KeyMetadata"]
    kms.create_alias(AliasName="alias/team-state", TargetKeyId=made["KeyId"])
    spellings = [by_alias, "awskms://alias/team-state", f"awskms://{made['KeyId']}", f"awskms:///{made['Arn']}"]
    assert [secrets(spelling) for spelling in spellings] == [[]] * len(spellings)
    kms.disable_key(KeyId=made["KeyId"])
    enable = f"aws kms enable-key --key-id {made['KeyId']}"
    assert secrets(by_alias) == [f"✗ secretsprovider: the key alias/team-state is Disabled; run `{enable}`"]
    kms.schedule_key_deletion(KeyId=made["KeyId"])
    cancel = f"aws kms cancel-key-deletion --key-id {made['KeyId']}"
    assert secrets(by_alias) == [
        f"✗ secretsprovider: the key alias/team-state is PendingDeletion; run `{cancel} && {enable}`"
    ]
    assert secrets("passphrase") == secrets("") == []


@pytest.mark.parametrize(
    "key", ["awskms://alias/x?region=us-east-1", f"awskms:///arn:aws:kms:us-east-1:{ACCOUNT}:alias/x"]
)
def test_the_pipeline_uses_keys_of_its_region(moto: Client, key: str) -> None:
    (line,) = marked(secrets_key_is_usable(moto, with_state(secrets=key)))
    assert line.startswith("! secretsprovider: ") and "is in us-east-1, and the pipeline's role uses keys of" in line
    assert "`pulumi stack change-secrets-provider 'awskms://alias/<name>?region=eu-central-1'`" in line


def test_the_secrets_provider_is_read_from_the_stack_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "REPOSITORY", tmp_path)
    (tmp_path / "Pulumi.prod.yaml").write_text("secretsprovider: awskms://alias/x\nencryptedkey: AQ\nconfig: {}\n")
    (tmp_path / "Pulumi.dev.yaml").write_text("config: {}\n")
    assert stack.secrets_provider("prod") == "awskms://alias/x"
    assert stack.secrets_provider("dev") == ""


def test_a_bucket_of_the_stack_in_another_region_is_in_the_way(moto: Client) -> None:
    name = PLACE.bucket_name("artifacts")
    assert marked(bucket_names_are_free(moto, wanted())) == []
    with bucket(moto, name):
        assert marked(bucket_names_are_free(moto, wanted())) == [], "the stack has made it"
    with bucket(moto, name, "eu-west-1"):
        assert marked(bucket_names_are_free(moto, wanted())) == [
            f"✗ {AWS}.region: there is a bucket {name} in eu-west-1 already; "
            "empty and delete the bucket, or write region: eu-west-1"
        ]


def test_the_replica_belongs_into_the_second_region(moto: Client) -> None:
    name, asked = PLACE.bucket_name("replica"), wanted(foundation(backup={"region": "eu-west-1"}))
    with bucket(moto, name, "eu-west-1"):
        assert marked(bucket_names_are_free(moto, asked)) == [], "the stack has made it"
    with bucket(moto, name):
        assert marked(bucket_names_are_free(moto, asked)) == [
            f"✗ {AWS}.backup.region: there is a bucket {name} in {REGION} already; "
            f"empty and delete the bucket, or write region: {REGION}"
        ]


def test_a_name_that_another_account_has_taken_is_a_warning(moto: Client) -> None:
    lines = marked(bucket_names_are_free(refusing(moto, "s3", "GetBucketLocation"), wanted()))
    assert [line.split(" is taken, ")[0] for line in lines] == [
        f"! {AWS}.account: the name {PLACE.bucket_name(purpose)}" for purpose in ("artifacts", "access-logs")
    ]


def offer(version: str = "17.6", *, zones: str = "abc", **changes: object) -> dict[str, Any]:
    return {
        "EngineVersion": version,
        "StorageType": "gp3",
        "MultiAZCapable": True,
        "SupportsStorageEncryption": True,
        "SupportsPerformanceInsights": True,
        "AvailabilityZones": [{"Name": f"{REGION}{zone}"} for zone in zones],
        **changes,
    }


@pytest.mark.parametrize(
    ("offers", "database", "expected"),
    [
        ([offer("16.10"), offer()], {}, []),
        (
            [],
            {"instanceClass": "db.x9.huge"},
            [
                "instanceClass: RDS offers no PostgreSQL on 'db.x9.huge' in eu-central-1; "
                "write another class, such as db.t4g.medium"
            ],
        ),
        (
            [offer("9.6.1"), offer("16.10"), offer("17.6")],
            {"version": "18"},
            [
                "version: RDS does not offer PostgreSQL '18' on 'db.t4g.medium' in eu-central-1; "
                "write one of 9, 16, 17, or another instanceClass"
            ],
        ),
        (
            [offer(StorageType="gp2")],
            {},
            ["instanceClass: 'db.t4g.medium' lacks gp3 storage; write another class, such as db.m7g.large"],
        ),
        (
            [offer(MultiAZCapable=False, SupportsPerformanceInsights=False)],
            {},
            ["instanceClass: 'db.t4g.medium' lacks Performance Insights and Multi-AZ; write another class"],
        ),
        (
            [offer(zones="ac")],
            {},
            ["instanceClass: 'db.t4g.medium' lacks an offer in 2 of eu-central-1a, eu-central-1b; write another"],
        ),
        ([offer(zones="a", MultiAZCapable=False)], {"multiZone": False}, []),
    ],
)
def test_the_database_must_be_offered(
    stubbed: Callable[..., Client], offers: list[dict[str, Any]], database: Mapping[str, object], expected: list[str]
) -> None:
    settings = foundation(database={"version": "17", **database})
    name = settings.database.instance_class
    asked = {"Engine": "postgres", "DBInstanceClass": name, "Vpc": True, "MaxRecords": 1000}
    answer = ("describe_orderable_db_instance_options", asked, {"OrderableDBInstanceOptions": offers})
    found = marked(database_is_offered(stubbed({"rds": [answer]}), wanted(settings)))
    assert len(found) == len(expected)
    for line, beginning in zip(found, expected, strict=True):
        assert line.startswith(f"✗ {AWS}.database.{beginning}")


@pytest.mark.parametrize(
    ("sources", "replicates"),
    [
        ([{"RegionName": REGION, "SupportsDBInstanceAutomatedBackupsReplication": True}], True),
        ([{"RegionName": REGION, "SupportsDBInstanceAutomatedBackupsReplication": False}], False),
        ([], False),
    ],
)
def test_rds_must_replicate_backups_to_the_second_region(
    stubbed: Callable[..., Client], sources: list[Mapping[str, Any]], *, replicates: bool
) -> None:
    """Which the second region says."""
    answer = ("describe_source_regions", {"RegionName": REGION}, {"SourceRegions": sources})
    asked = wanted(foundation(backup={"region": "ap-east-1"}))
    found = marked(backups_are_replicated(stubbed({"rds in ap-east-1": [answer]}), asked))
    line = f"✗ {AWS}.backup.region: RDS does not replicate automated backups from {REGION} to ap-east-1; "
    assert [each.startswith(line) for each in found] == ([] if replicates else [True])


def test_without_a_second_region_nothing_is_asked_there(stubbed: Callable[..., Client]) -> None:
    assert marked(backups_are_replicated(stubbed({}), wanted())) == []


def test_groups_of_the_managed_grafana_must_exist(moto: Client) -> None:
    (instance,) = moto("sso-admin").list_instances()["Instances"]
    store = instance["IdentityStoreId"]
    made = moto("identitystore").create_group(IdentityStoreId=store, DisplayName="admins")["GroupId"]
    missing = "93842ea2-70b1-4f6e-8a3c-0d2b6f1e7c56"
    shown = {"managedPrometheus": {}, "managedGrafana": {"admins": [made], "viewers": [missing]}}
    assert marked(identity_center_has_the_groups(moto, wanted(foundation(**shown)))) == [
        f"✗ {AWS}.managedGrafana.viewers.0: IAM Identity Center has no group with the id {missing}; "
        f"write one of `aws identitystore list-groups --identity-store-id {store}`"
    ]
    assert marked(identity_center_has_the_groups(moto, wanted())) == []


def test_without_identity_center_nobody_logs_in_to_grafana(stubbed: Callable[..., Client]) -> None:
    shown = {"managedPrometheus": {}, "managedGrafana": {"admins": ["93842ea2-70b1-4f6e-8a3c-0d2b6f1e7c56"]}}
    none = stubbed({"sso-admin": [("list_instances", {}, {"Instances": []})]})
    (line,) = marked(identity_center_has_the_groups(none, wanted(foundation(**shown))))
    assert line.startswith(f"! {AWS}.managedGrafana: the account has no IAM Identity Center in eu-central-1")


@pytest.mark.parametrize(
    ("host", "architecture", "expected"),
    [
        (None, "", "! DOCKER_HOST: nothing answers at unix:///x, and `make up` builds the images; start Docker"),
        ("unix:///x", "arm64", "! DOCKER_HOST: the Docker engine is for arm64, and the images for amd64; use an"),
        ("unix:///x", "amd64", ""),
    ],
)
def test_the_engine_must_build_for_the_nodes(
    monkeypatch: pytest.MonkeyPatch, host: str | None, architecture: str, expected: str
) -> None:
    monkeypatch.setattr(machine, "docker_host", lambda: host)
    monkeypatch.setattr(machine, "docker_absence", lambda: "nothing answers at unix:///x")
    monkeypatch.setattr(machine, "docker_architecture", lambda: architecture)
    found = marked(docker_preflight.engine_builds_images())
    assert [line.startswith(expected) for line in found] == ([True] if expected else [])
    if host is None:
        with pytest.raises(CommandError, match="no Docker engine answers"):
            docker_preflight.require_engine()
