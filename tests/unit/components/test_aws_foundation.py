"""One AWS account and region as a foundation."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from infra.catalogue.names import DOMAIN
from infra.foundation.aws.context import AwsContext
from tests.unit.components.recorder import Recorder, created, inputs, platform
from tests.unit.declaration.samples import GONE, REPOSITORY, on_aws

AWS = "foundation.aws"
CARRIERS = (
    "aws:kms/key:Key",
    "aws:ecr/repository:Repository",
    "aws:eks/cluster:Cluster",
    "aws:rds/instance:Instance",
    "aws:s3/bucket:Bucket",
)


def stack(**changes: object) -> Recorder:
    return platform(on_aws(**changes))


def all_of(recorder: Recorder, type_: str) -> dict[str, dict[str, Any]]:
    return {name: inputs(recorder, type_, name) for name in created(recorder, type_)}


def test_nothing_is_done_in_another_account_or_without_tags() -> None:
    provider = inputs(stack(), "pulumi:providers:aws", "aws")
    assert provider["region"] == "eu-central-1"
    assert json.loads(provider["allowedAccountIds"]) == ["123456789012"]
    assert json.loads(provider["defaultTags"])["tags"] == {
        f"{DOMAIN}/project": "ml-platform",
        f"{DOMAIN}/stack": "test",
        f"{DOMAIN}/team": "ml-platform",
        f"{DOMAIN}/cost-centre": "4711",
    }


def test_nothing_is_left_to_default_providers() -> None:
    custom = [each for each in stack().resources if not each.type.startswith(("ml-platform:", "pulumi:"))]
    assert [each.name for each in custom if "pulumi:providers:" not in each.provider] == []


# The network


def test_each_zone_has_its_subnets_and_its_own_way_out() -> None:
    recorder = stack()
    assert created(recorder, "aws:ec2/subnet:Subnet") == [
        f"{kind}-eu-central-1{letter}" for kind in ("isolated", "private", "public") for letter in "abc"
    ]
    assert created(recorder, "aws:ec2/natGateway:NatGateway") == ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
    routes = all_of(recorder, "aws:ec2/route:Route")
    assert routes["private-eu-central-1b"]["natGatewayId"] == "eu-central-1b-id"
    assert routes["public"]["gatewayId"] == "network-id"
    assert [name for name in routes if name.startswith("isolated")] == []


def test_one_gateway_serves_all_zones_where_that_is_declared() -> None:
    recorder = stack(**{f"{AWS}.network.nat": "single"})
    assert created(recorder, "aws:ec2/natGateway:NatGateway") == ["eu-central-1a"]
    routes = all_of(recorder, "aws:ec2/route:Route")
    assert {route["natGatewayId"] for name, route in routes.items() if name != "public"} == {"eu-central-1a-id"}


def test_without_isolated_subnets_the_database_stands_in_the_private_ones() -> None:
    subnets = inputs(stack(), "aws:rds/subnetGroup:SubnetGroup", "tracking")["subnetIds"]
    assert subnets == [f"isolated-eu-central-1{letter}-id" for letter in "abc"]
    recorder = stack(**{f"{AWS}.network.isolatedSubnets": False})
    subnets = inputs(recorder, "aws:rds/subnetGroup:SubnetGroup", "tracking")["subnetIds"]
    assert subnets == [f"private-eu-central-1{letter}-id" for letter in "abc"]


def test_the_default_security_group_lets_nothing_through() -> None:
    group = inputs(stack(), "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", "network")
    assert (group["ingress"], group["egress"]) == ([], [])


def test_aws_services_are_reached_inside_the_network_where_that_is_declared() -> None:
    assert created(stack(), "aws:ec2/vpcEndpoint:VpcEndpoint") == ["s3"]
    endpoints = all_of(stack(**{f"{AWS}.network.interfaceEndpoints": True}), "aws:ec2/vpcEndpoint:VpcEndpoint")
    assert sorted(endpoints) == ["ec2", "ecr.api", "ecr.dkr", "eks", "eks-auth", "s3", "secretsmanager", "sts"]
    assert endpoints["s3"]["vpcEndpointType"] == "Gateway"
    assert endpoints["sts"]["serviceName"] == "com.amazonaws.eu-central-1.sts"
    assert "isolated-id" in endpoints["s3"]["routeTableIds"]
    assert all(each["privateDnsEnabled"] for name, each in endpoints.items() if name != "s3")


def test_traffic_is_recorded() -> None:
    recorder = stack()
    flow_log = inputs(recorder, "aws:ec2/flowLog:FlowLog", "network")
    assert (flow_log["trafficType"], flow_log["maxAggregationInterval"]) == ("ALL", 600)
    allowed = json.loads(inputs(recorder, "aws:iam/rolePolicy:RolePolicy", "flow-logs")["policy"])["Statement"]
    assert {f"logs:Describe{what}" for what in ("LogGroups", "LogStreams")} <= {a for s in allowed for a in s["Action"]}
    groups = all_of(recorder, "aws:cloudwatch/logGroup:LogGroup")
    assert all(group["retentionInDays"] == 90 for group in groups.values())
    assert {name: group["name"] for name, group in groups.items()} == {
        "cluster": "/aws/eks/ml-platform-test/cluster",
        "flow": "/ml-platform-test/flow",
        "tracking-postgresql": "/aws/rds/instance/ml-platform-test-tracking/postgresql",
        "tracking-upgrade": "/aws/rds/instance/ml-platform-test-tracking/upgrade",
    }
    assert all("kmsKeyId" in group for group in groups.values())


def test_a_zone_in_between_moves_nobody() -> None:
    before = stack(**{f"{AWS}.network.zones": ["eu-central-1a", "eu-central-1c"], "nodePools.h100": GONE})
    after = stack(**{"nodePools.h100": GONE})
    subnets = all_of(after, "aws:ec2/subnet:Subnet")
    for name, subnet in all_of(before, "aws:ec2/subnet:Subnet").items():
        assert subnets[name] == subnet


# Keys and data


def test_each_purpose_has_a_key_that_is_renewed() -> None:
    recorder = stack()
    keys = all_of(recorder, "aws:kms/key:Key")
    assert sorted(keys) == ["artifacts", "cluster", "database", "disks", "logs", "registry", "secrets"]
    assert all(key["enableKeyRotation"] for key in keys.values())
    assert all_of(recorder, "aws:kms/alias:Alias")["logs"]["name"] == "alias/ml-platform-test/logs"


def test_images_have_repositories_that_refuse_no_push() -> None:
    repositories = all_of(stack(), "aws:ecr/repository:Repository")
    assert sorted(repositories) == ["base", "cache.base", "serving", "tracking", "training"]
    del repositories["cache.base"]
    for name, repository in repositories.items():
        assert repository["name"] == f"ml-platform-test/{name}"
        assert repository["imageTagMutability"] == "MUTABLE"  # a refused push would fail a rollback
        assert repository["imageScanningConfiguration"] == {"scanOnPush": True}
        assert repository["encryptionConfigurations"][0]["encryptionType"] == "KMS"


def test_old_images_go() -> None:
    changes = {f"{AWS}.registry.keepImages": 3, f"{AWS}.registry.untaggedDays": 2}
    policy = json.loads(inputs(stack(**changes), "aws:ecr/lifecyclePolicy:LifecyclePolicy", "serving")["policy"])
    counts = [(rule["selection"]["tagStatus"], rule["selection"]["countNumber"]) for rule in policy["rules"]]
    assert counts == [("untagged", 2), ("any", 3)]


def test_the_base_image_comes_through_the_mirror() -> None:
    recorder = stack()
    rule = inputs(recorder, "aws:ecr/pullThroughCacheRule:PullThroughCacheRule", "ecr-public")
    assert (rule["ecrRepositoryPrefix"], rule["upstreamRegistryUrl"]) == (
        "ml-platform-test/ecr-public",
        "public.ecr.aws",
    )
    build = inputs(recorder, "docker:index/image:Image", "base")["build"]
    registry = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"
    assert build["args"]["BASE"] == f"{registry}/ml-platform-test/ecr-public/docker/library/python:3.12-slim-bookworm"
    cache = inputs(recorder, "aws:ecr/repository:Repository", "cache.base")
    assert cache["name"] == "ml-platform-test/ecr-public/docker/library/python"
    assert cache["encryptionConfigurations"][0]["encryptionType"] == "KMS"


def test_a_new_digest_of_the_base_image_builds_all_images_again() -> None:
    def tags(digest: str) -> dict[str, str]:
        image = f"ecr-public/docker/library/python:3.12-slim-bookworm@sha256:{digest * 64}"
        recorder = stack(**{f"{AWS}.registry.baseImage": image})
        return {name: each["imageName"] for name, each in all_of(recorder, "docker:index/image:Image").items()}

    before, after = tags("0"), tags("1")
    assert [name for name in before if before[name] == after[name]] == []


@pytest.mark.parametrize(("stack", "prefix"), [("test", "ml-platform-test/ecr-public"), ("evaluation", "ecr-public-")])
def test_caches_of_two_stacks_have_prefixes_that_ecr_takes(stack: str, prefix: str) -> None:
    found = AwsContext("123456789012", "eu-central-1", stack, "ml", "ml").cache_prefix("ecr-public")
    assert found.startswith(prefix)
    assert len(found) <= 30


def test_disks_of_pods_have_the_stacks_tags() -> None:
    parameters = inputs(stack(), "kubernetes:storage.k8s.io/v1:StorageClass", "gp3")["parameters"]
    assert {key: value for key, value in parameters.items() if key.startswith("tagSpecification")} == {
        "tagSpecification_1": f"{DOMAIN}/project=ml-platform",
        "tagSpecification_2": f"{DOMAIN}/stack=test",
        "tagSpecification_3": f"{DOMAIN}/team=ml-platform",
        "tagSpecification_4": f"{DOMAIN}/cost-centre=4711",
    }


def test_artifacts_are_versioned_encrypted_and_private() -> None:
    recorder = stack()
    bucket = "ml-platform-test-artifacts-123456789012"
    assert inputs(recorder, "aws:s3/bucket:Bucket", "artifacts")["bucket"] == bucket
    versioning = inputs(recorder, "aws:s3/bucketVersioning:BucketVersioning", "artifacts")
    assert versioning["versioningConfiguration"] == {"status": "Enabled"}
    encryption = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    default = inputs(recorder, encryption, "artifacts")["rules"][0]["applyServerSideEncryptionByDefault"]
    assert (default["sseAlgorithm"], "kmsMasterKeyId" in default) == ("aws:kms", True)
    blocks = all_of(recorder, "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock")
    assert sorted(blocks) == ["access-logs", "artifacts"]
    assert all(value is True for block in blocks.values() for key, value in block.items() if key != "bucket")


def test_buckets_are_reached_over_tls_only() -> None:
    for policy in all_of(stack(), "aws:s3/bucketPolicy:BucketPolicy").values():
        refusal = json.loads(policy["policy"])["Statement"][0]
        assert (refusal["Effect"], refusal["Principal"]) == ("Deny", "*")
        assert refusal["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_lifecycle_rules_are_for_the_whole_bucket_and_leave_no_markers_of_deleted_objects() -> None:
    rules = all_of(stack(), "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration")
    assert sorted(rules) == ["access-logs", "artifacts"]
    assert all(rule["filter"] == {"prefix": ""} for each in rules.values() for rule in each["rules"])
    assert rules["artifacts"]["rules"][0]["expiration"] == {"expiredObjectDeleteMarker": True}


def test_the_database_keeps_its_password_to_itself() -> None:
    recorder = stack()
    database = inputs(recorder, "aws:rds/instance:Instance", "tracking")
    assert database["manageMasterUserPassword"] is True
    assert "password" not in database
    assert (database["storageEncrypted"], database["publiclyAccessible"], database["multiAz"]) == (True, False, True)
    pod = inputs(recorder, "kubernetes:apps/v1:Deployment", "tracking")["spec"]["template"]["spec"]
    env = {each["name"]: each.get("value") for each in pod["containers"][0]["env"]}
    address = "postgresql+psycopg2://database.example:5432/mlflow?sslmode=verify-full&sslrootcert=/app/rds-ca.pem"
    assert env["MLFLOW_BACKEND_STORE_URI"] == address
    assert env["MLFLOW_AUTH_DATABASE_URI"] == env["MLFLOW_BACKEND_STORE_URI"]
    assert env["MLFLOW_ARTIFACTS_DESTINATION"] == "s3://ml-platform-test-artifacts-123456789012/models"
    assert env["DATABASE_LOGIN_SECRET"].startswith("arn:aws:secretsmanager:")
    assert created(recorder, "kubernetes:core/v1:PersistentVolumeClaim") == []


@pytest.mark.parametrize("protect", [True, False])
def test_data_goes_when_the_declaration_says_so_and_not_before(protect: bool) -> None:
    recorder = stack(protectData=protect)
    assert all(each["forceDestroy"] is not protect for each in all_of(recorder, "aws:s3/bucket:Bucket").values())
    assert all(each["forceDelete"] is not protect for each in all_of(recorder, CARRIERS[1]).values())
    database = inputs(recorder, "aws:rds/instance:Instance", "tracking")
    assert (database["deletionProtection"], database["skipFinalSnapshot"]) == (protect, not protect)


# Recovery

INSTANCE = "aws:rds/instance:Instance"
LOST = {"name": "tracking-2", "retained": ["tracking"]}


def test_a_database_is_restored_beside_the_one_that_it_replaces() -> None:
    source = {"instance": "tracking", "pointInTime": "2026-11-27T10:40:00Z"}
    before, after = stack(), stack(**{f"{AWS}.database": {**LOST, "restoreFrom": source}})
    restored = inputs(after, INSTANCE, "tracking-2")
    assert restored["identifier"] == "ml-platform-test-tracking-2"
    assert restored["restoreToPointInTime"] == {
        "sourceDbInstanceIdentifier": "ml-platform-test-tracking",
        "restoreTime": "2026-11-27T10:40:00Z",
    }
    assert restored["manageMasterUserPassword"] is True
    assert inputs(after, INSTANCE, "tracking") == inputs(before, INSTANCE, "tracking")
    for type_ in ("aws:rds/subnetGroup:SubnetGroup", "aws:rds/parameterGroup:ParameterGroup"):
        assert all_of(after, type_) == all_of(before, type_)
    logs = {"tracking-postgresql", "tracking-upgrade", "tracking-2-postgresql", "tracking-2-upgrade"}
    assert logs <= set(created(after, "aws:cloudwatch/logGroup:LogGroup"))


BACKUP_ARN = "arn:aws:rds:eu-central-1:123456789012:auto-backup:ab-0123456789abcdef"


@pytest.mark.parametrize(
    ("source", "made_from"),
    [
        ({"snapshot": "rds:some-day"}, {"snapshotIdentifier": "rds:some-day"}),
        (
            {"automatedBackup": BACKUP_ARN, "pointInTime": "latest"},
            {
                "restoreToPointInTime": {
                    "sourceDbInstanceAutomatedBackupsArn": BACKUP_ARN,
                    "useLatestRestorableTime": True,
                }
            },
        ),
    ],
)
def test_a_database_is_made_from_backups(source: dict[str, str], made_from: dict[str, Any]) -> None:
    database = inputs(stack(**{f"{AWS}.database": {"restoreFrom": source}}), INSTANCE, "tracking")
    fields = ("snapshotIdentifier", "restoreToPointInTime")
    assert {field: database[field] for field in fields if field in database} == made_from
    assert "dbName" not in database


def test_a_second_region_has_copies_that_are_as_well_kept() -> None:
    recorder = stack(**{f"{AWS}.backup": {"region": "eu-west-1"}})
    there = inputs(recorder, "pulumi:providers:aws", "aws-backup")
    assert (there["region"], json.loads(there["allowedAccountIds"])) == ("eu-west-1", ["123456789012"])
    copies = [each for each in recorder.resources if "pulumi:providers:aws::aws-backup" in each.provider]
    assert {f"{each.type.rpartition(':')[2]} {each.name}" for each in copies} == {
        "Key backup",
        "Alias backup",
        "InstanceAutomatedBackupsReplication tracking",
        *(f"Bucket{part} replica" for part in ("", "OwnershipControls", "Policy", "PublicAccessBlock", "Versioning")),
        *(f"Bucket{part} replica" for part in ("LifecycleConfiguration", "ServerSideEncryptionConfiguration")),
    }
    database = inputs(
        recorder, "aws:rds/instanceAutomatedBackupsReplication:InstanceAutomatedBackupsReplication", "tracking"
    )
    assert (database["sourceDbInstanceArn"], database["retentionPeriod"]) == ("arn:Instance/tracking", 14)
    assert database["kmsKeyId"].startswith("arn:aws:kms:")
    replication = inputs(recorder, "aws:s3/bucketReplicationConfig:BucketReplicationConfig", "artifacts")
    (rule,) = replication["rules"]
    assert rule["destination"]["bucket"] == "arn:aws:s3:::ml-platform-test-replica-123456789012"
    assert rule["sourceSelectionCriteria"] == {"sseKmsEncryptedObjects": {"status": "Enabled"}}


def test_objects_are_replicated_by_a_role_that_can_do_nothing_else() -> None:
    recorder = stack(**{f"{AWS}.backup": {"region": "eu-west-1"}})
    text = inputs(recorder, "aws:iam/rolePolicy:RolePolicy", "replication-objects")["policy"]
    keys = [each for each in json.loads(text)["Statement"] if each["Action"][0].startswith("kms:")]
    assert [
        (each["Condition"]["StringEquals"]["kms:ViaService"], *each["Condition"]["ForAnyValue:StringEquals"].values())
        for each in keys
    ] == [
        ("s3.eu-central-1.amazonaws.com", "alias/ml-platform-test/artifacts"),
        ("s3.eu-west-1.amazonaws.com", "alias/ml-platform-test/backup"),
    ]
    boundary = json.loads(inputs(recorder, "aws:iam/policy:Policy", "boundary")["policy"])["Statement"]
    assert keys[1] in boundary
    plain = stack()
    assert "eu-west-1" not in inputs(plain, "aws:iam/policy:Policy", "boundary")["policy"]
    assert created(plain, "aws:s3/bucket:Bucket") == ["access-logs", "artifacts"]


# The cluster


def test_the_cluster_is_closed_but_to_the_declared() -> None:
    changes = {f"{AWS}.cluster.publicCidrs": ["203.0.113.0/24"]}
    recorder = stack(**changes)
    cluster = inputs(recorder, "aws:eks/cluster:Cluster", "cluster")
    assert cluster["accessConfig"] == {
        "authenticationMode": "API",
        "bootstrapClusterCreatorAdminPermissions": False,
    }
    assert cluster["vpcConfig"]["publicAccessCidrs"] == ["203.0.113.0/24"]
    assert cluster["vpcConfig"]["endpointPrivateAccess"] is True
    entries = all_of(recorder, "aws:eks/accessEntry:AccessEntry")
    assert sorted(entries) == ["admin-platform-admin", "deployer", "nodes"]
    assert entries["admin-platform-admin"]["principalArn"] == "arn:aws:iam::123456789012:role/platform-admin"


def test_without_declared_networks_the_api_is_in_the_vpc_only() -> None:
    access = inputs(stack(), "aws:eks/cluster:Cluster", "cluster")["vpcConfig"]
    assert access["endpointPublicAccess"] is False
    assert "publicAccessCidrs" not in access


def test_secrets_are_encrypted_and_everything_is_logged() -> None:
    cluster = inputs(stack(), "aws:eks/cluster:Cluster", "cluster")
    assert cluster["encryptionConfig"]["resources"] == ["secrets"]
    assert sorted(cluster["enabledClusterLogTypes"]) == [
        "api",
        "audit",
        "authenticator",
        "controllerManager",
        "scheduler",
    ]


def test_nodes_volumes_and_load_balancers_are_the_clusters_own_part() -> None:
    cluster = inputs(stack(), "aws:eks/cluster:Cluster", "cluster")
    assert cluster["computeConfig"]["enabled"] is True
    assert cluster["storageConfig"] == {"blockStorage": {"enabled": True}}
    assert cluster["kubernetesNetworkConfig"]["elasticLoadBalancing"] == {"enabled": True}
    assert (cluster["upgradePolicy"], cluster["deletionProtection"]) == ({"supportType": "STANDARD"}, True)


def test_nodes_interfaces_and_volumes_may_have_the_stacks_tags() -> None:
    """All that EKS's documentation lists for tags of one's own, each for this cluster only."""
    text = inputs(stack(), "aws:iam/rolePolicy:RolePolicy", "cluster-tags")["policy"]
    statements = json.loads(text)["Statement"]
    assert {action for each in statements for action in each["Action"]} == {
        *(f"ec2:Create{what}" for what in ("Fleet", "LaunchTemplate", "NetworkInterface", "SecurityGroup")),
        *(f"ec2:Create{what}" for what in ("Snapshot", "Volume")),
        *(f"elasticloadbalancing:Create{what}" for what in ("Listener", "LoadBalancer", "Rule", "TargetGroup")),
        "ec2:RunInstances",
    }
    own = {"aws:RequestTag/eks:eks-cluster-name": "${aws:PrincipalTag/eks:eks-cluster-name}"}
    assert all(each["Condition"]["StringEquals"] == own for each in statements)


def test_servers_may_wait_for_a_node_and_take_as_long_to_start_as_their_probes_allow() -> None:
    specs = {
        name: inputs(stack(monitoring={}), "kubernetes:apps/v1:Deployment", name)["spec"]
        for name in ("tracking", "prometheus")
    }
    waits = {name: spec["progressDeadlineSeconds"] for name, spec in specs.items()}
    assert waits == {"tracking": 180 + 600, "prometheus": 900 + 60 + 600}


def test_credentials_of_a_deployment_outlive_it() -> None:
    workflow = yaml.safe_load((REPOSITORY / ".github/workflows/deploy.yml").read_text())["jobs"]["prod"]
    (asked,) = [
        each["with"]["role-duration-seconds"] for each in workflow["steps"] if "role-to-assume" in each.get("with", {})
    ]
    longest = inputs(stack(), "aws:iam/role:Role", "ci-deploy")["maxSessionDuration"]
    assert workflow["timeout-minutes"] * 60 < asked <= longest


def test_the_kubeconfig_holds_no_credentials() -> None:
    config = json.loads(inputs(stack(), "pulumi:providers:kubernetes", "kubernetes")["kubeconfig"])
    assert config["clusters"][0]["cluster"]["server"] == "https://cluster.example"
    (user,) = config["users"]
    assert user["user"]["exec"]["args"] == [
        *("--region", "eu-central-1", "eks", "get-token"),
        *("--cluster-name", "ml-platform-test", "--output", "json"),
    ]


def test_the_registrys_login_is_nobodys_output() -> None:
    assert stack().outputs["registry"] == {"address": "123456789012.dkr.ecr.eu-central-1.amazonaws.com"}


def test_pods_need_no_login_to_pull() -> None:
    recorder = stack()
    assert "vision-registry" not in created(recorder, "kubernetes:core/v1:Secret")
    pod = inputs(recorder, "kubernetes:apps/v1:Deployment", "digits")["spec"]["template"]["spec"]
    assert "imagePullSecrets" not in pod


PROVIDER = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"


def test_whoever_sets_up_the_pipeline_is_told_its_roles() -> None:
    assert stack().outputs["pipeline"] == {
        "deploy_role": "arn:Role/ci-deploy",
        "preview_role": "arn:Role/ci-preview",
    }


def test_an_identity_provider_that_is_there_is_used_and_left_alone() -> None:
    arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
    assert created(stack(), PROVIDER) == ["ci"]
    recorder = stack(**{f"{AWS}.ci.provider": arn})
    assert created(recorder, PROVIDER) == []
    for role in ("ci-deploy", "ci-preview"):
        (statement,) = json.loads(inputs(recorder, "aws:iam/role:Role", role)["assumeRolePolicy"])["Statement"]
        assert statement["Principal"] == {"Federated": arn}


def test_without_github_there_are_no_roles_for_it() -> None:
    recorder = stack(**{f"{AWS}.ci": GONE})
    assert recorder.outputs["pipeline"] is None
    assert created(recorder, PROVIDER) == []
    assert [name for name in created(recorder, "aws:iam/role:Role") if name.startswith("ci-")] == []
