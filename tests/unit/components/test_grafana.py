"""Dashboards in Grafana: provisioned in a deployed one, or uploaded by a Job into an existing or managed one."""

from __future__ import annotations

import configparser
import json
from functools import cache
from typing import Any

import pytest
import yaml

from infra.catalogue.names import STACK_LABEL
from infra.foundation.aws.deploy_policy import deploy_statements
from infra.observability.dashboards import as_json
from tests.engine.iam_evaluator import allowed
from tests.engine.iam_evaluator.prod import PLACE
from tests.engine.iam_evaluator.roles import Role, role
from tests.engine.iam_evaluator.weaker import about_everything, may_everything, refused, unbounded
from tests.unit.components import grafanas
from tests.unit.components.recorder import Recorder, created, forget_builds, inputs, platform, pods
from tests.unit.declaration.samples import small

CONFIG_MAP, JOB, SECRET = "kubernetes:core/v1:ConfigMap", "kubernetes:batch/v1:Job", "kubernetes:core/v1:Secret"
IMAGE, ROLE = "docker:index/image:Image", "aws:iam/role:Role"
PASSWORD = "password-of-grafana-0"
TOKEN = "glsa_very-secret"
OWN, OTHER = (f"arn:aws:grafana:eu-central-1:123456789012:/workspaces/{id}" for id in ("g-1", "g-2"))
OF_STACK = {f"aws:ResourceTag/{STACK_LABEL}": PLACE.stack}
METRICS = "arn:aws:aps:eu-central-1:123456789012:workspace/{}"


def with_existing(**settings: Any) -> Recorder:
    return platform(grafanas.existing(**settings), grafana_token=TOKEN)


def container(pod: dict[str, Any]) -> dict[str, Any]:
    (only,) = pod["spec"]["containers"]
    return dict(only)


def env(pod: dict[str, Any]) -> dict[str, str]:
    return {entry["name"]: entry["value"] for entry in container(pod)["env"]}


def given(stack: Recorder) -> dict[str, str]:
    """The files of the deployed Grafana, by their path in the pod."""
    volumes = {each["name"]: each for each in pods(stack)["Deployment grafana"]["spec"]["volumes"]}
    data = inputs(stack, CONFIG_MAP, "grafana")["data"]
    return {each["path"]: data[each["key"]] for each in volumes["given"]["configMap"]["items"]}


def test_grafana_is_off_by_default() -> None:
    stack = platform(small(monitoring={}))
    assert stack.outputs["grafana"] is None
    assert {"grafana", "dashboards"} & set(created(stack, IMAGE)) == set()


@pytest.mark.parametrize(
    ("declared", "built"), [(grafanas.deployed(), "grafana"), (grafanas.existing(), "dashboards")], ids=["own", "other"]
)
def test_only_the_needed_image_is_built(declared: dict[str, Any], built: str) -> None:
    stack = platform(declared, grafana_token=TOKEN)
    assert {"grafana", "dashboards"} & set(created(stack, IMAGE)) == {built}


def test_an_own_one_is_reached_with_a_login_that_the_outputs_hold() -> None:
    outputs = platform(grafanas.deployed()).outputs["grafana"]
    assert outputs == {
        "namespace": "ml-platform",
        "service": "grafana",
        "port": 3000,
        "username": "admin",
        "password": PASSWORD,
    }


def test_it_is_the_official_image_as_its_own_user_with_nothing_to_write_on() -> None:
    stack = platform(grafanas.deployed())
    pod = pods(stack)["Deployment grafana"]
    assert container(pod)["image"] == "127.0.0.1:5000/ml-platform/grafana@sha256:grafana"
    security = pod["spec"]["securityContext"]
    assert (security["runAsUser"], security["runAsNonRoot"], security["fsGroup"]) == (472, True, 472)
    assert container(pod)["securityContext"]["readOnlyRootFilesystem"] is True
    written = {each["name"] for each in container(pod)["volumeMounts"] if not each.get("readOnly")}
    assert written == {"tmp", "data"}
    assert {"startupProbe", "readinessProbe", "livenessProbe"} <= set(container(pod))


def test_its_password_is_in_a_file_and_in_no_environment() -> None:
    stack = platform(grafanas.deployed())
    assert inputs(stack, SECRET, "grafana")["stringData"] == {"value": PASSWORD}
    pod = pods(stack)["Deployment grafana"]
    settings = read(given(stack)["grafana.ini"])
    mounts = {each["name"]: each["mountPath"] for each in container(pod)["volumeMounts"]}
    assert settings["security"]["admin_password"] == f"$__file{{{mounts['login']}/value}}"
    assert "password" not in str(env(pod)).lower()


def test_a_login_is_required_and_no_requests_go_to_the_internet() -> None:
    settings = read(given(platform(grafanas.deployed()))["grafana.ini"])
    assert settings["auth.anonymous"]["enabled"] == settings["users"]["allow_sign_up"] == "false"
    assert set(settings["analytics"].values()) == {"false"}
    assert settings["news"]["news_feed_enabled"] == "false"
    assert settings["plugins"]["preinstall_disabled"] == settings["plugins"]["public_key_retrieval_disabled"] == "true"


def test_prometheus_and_all_dashboards_are_provisioned() -> None:
    stack = platform(grafanas.deployed())
    files, pod = given(stack), pods(stack)["Deployment grafana"]
    assert env(pod)["GF_PATHS_CONFIG"] == "/etc/given/grafana.ini"
    assert env(pod)["GF_PATHS_PROVISIONING"] == "/etc/given/provisioning"
    (datasource,) = yaml.safe_load(files["provisioning/datasources/prometheus.yaml"])["datasources"]
    assert (datasource["type"], datasource["url"], datasource["isDefault"]) == (
        "prometheus",
        "http://prometheus:9090",
        True,
    )
    (provider,) = yaml.safe_load(files["provisioning/dashboards/platform.yaml"])["providers"]
    mounts = {each["mountPath"]: each["name"] for each in container(pod)["volumeMounts"]}
    volumes = {each["name"]: each for each in pod["spec"]["volumes"]}
    shown = volumes[mounts[provider["options"]["path"]]]["configMap"]["name"]
    assert inputs(stack, CONFIG_MAP, shown)["data"] == as_json()
    home = read(files["grafana.ini"])["dashboards"]["default_home_dashboard_path"]
    assert home.rpartition("/")[2] in as_json()


def test_a_renewed_password_rolls_its_pod_and_nothing_else() -> None:
    before, after = platform(grafanas.deployed()), platform(grafanas.deployed(rotations={"grafana": 1}))
    known = {(each.type, each.name): each.inputs for each in before.resources}
    changed = [each for each in after.resources if known.get((each.type, each.name)) != each.inputs]
    assert {f"{each.type.rpartition(':')[2]} {each.name}" for each in changed} == {
        "Deployment grafana",
        "RandomPassword grafana-2",
        "Secret grafana",
    }
    assert inputs(after, SECRET, "grafana")["stringData"]["value"] != PASSWORD


def test_the_token_of_another_one_is_a_file_of_the_job_alone() -> None:
    stack = with_existing()
    pod = pods(stack)["Job dashboards"]
    assert env(pod) == {
        "GRAFANA_URL": grafanas.URL,
        "STACK": "test",
        "DASHBOARDS": "/etc/dashboards",
        "TOKEN_FILE": "/var/run/secrets/grafana-token/value",
    }
    assert inputs(stack, SECRET, "grafana-token")["metadata"]["namespace"] == "ml-platform"
    assert inputs(stack, SECRET, "grafana-token")["stringData"] == {"value": TOKEN}
    holders = [each.name for each in stack.resources if TOKEN in str(each.inputs)]
    assert holders == ["grafana-token"]
    assert stack.outputs["grafana"] == {"url": grafanas.URL}


def test_a_failure_is_seen_at_once_and_a_failed_job_is_replaced() -> None:
    """A Job without retries left has failed, to Pulumi too; one that its pod failure policy has failed has not."""
    job = inputs(with_existing(), JOB, "dashboards")
    assert job["spec"]["backoffLimit"] == 0
    assert [rule["action"] for rule in job["spec"]["podFailurePolicy"]["rules"]] == ["Ignore"]
    assert job["metadata"]["annotations"] == {"pulumi.com/replaceUnready": "true"}


def test_an_unchanged_job_is_the_same_and_every_change_a_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def name(**settings: Any) -> str:
        return str(inputs(with_existing(**settings), JOB, "dashboards")["metadata"]["name"])

    names = [name(), name(url="https://other.example.com"), name(datasource="Prometheus")]
    forget_builds()
    assert name() == names[0]
    monkeypatch.setattr("infra.observability.dashboards.delivery.as_json", lambda: {"a.json": "{}"})
    forget_builds()
    assert len({*names, name()}) == 4
    forget_builds()


def test_a_managed_one_asks_the_managed_metrics_with_a_role_of_its_own() -> None:
    stack = managed()
    workspace = inputs(stack, "aws:grafana/workspace:Workspace", "grafana")
    assert (workspace["authenticationProviders"], workspace["permissionType"]) == (["AWS_SSO"], "CUSTOMER_MANAGED")
    assert workspace["name"] == "ml-platform-test"
    assert workspace["roleArn"] == "arn:Role/grafana"
    associations = "aws:grafana/roleAssociation:RoleAssociation"
    assert created(stack, associations) == ["grafana-admin", "grafana-viewer"]
    assert inputs(stack, associations, "grafana-admin")["groupIds"] == [grafanas.ADMINS]
    assert stack.outputs["grafana"] == {"url": "https://g-1.grafana-workspace.eu-central-1.amazonaws.com"}


def test_its_job_has_an_identity_instead_of_a_token() -> None:
    stack = managed()
    pod = pods(stack)["Job dashboards"]
    assert env(pod) == {
        "GRAFANA_URL": "https://g-1.grafana-workspace.eu-central-1.amazonaws.com",
        "STACK": "test",
        "DASHBOARDS": "/etc/dashboards",
        "WORKSPACE": "grafana-id",
        "AWS_REGION": "eu-central-1",
        "PROMETHEUS_URL": "https://metrics.example/workspaces/ws-1/",
    }
    association = inputs(stack, "aws:eks/podIdentityAssociation:PodIdentityAssociation", "ml-platform-dashboards")
    assert (association["namespace"], association["serviceAccount"]) == (
        "ml-platform",
        pod["spec"]["serviceAccountName"],
    )


def test_another_one_needs_no_identity_on_aws_either() -> None:
    declared = grafanas.managed() | {"monitoring": grafanas.existing()["monitoring"], "secrets": grafanas.TOKEN}
    del declared["foundation"]["aws"]["managedGrafana"]
    assert "ml-platform-dashboards" not in created(platform(declared, grafana_token=TOKEN), ROLE)


def test_the_job_makes_tokens_for_its_own_workspace_only() -> None:
    job = roles("ml-platform-dashboards")
    tokens = "grafana:CreateWorkspaceServiceAccountToken"
    assert allowed({"own": job.asks(tokens, OWN, OF_STACK)}) == {"own": True}
    more = ("grafana:UpdatePermissions", "grafana:DeleteWorkspace", "grafana:UpdateWorkspace")
    refused({"another workspace": (job.asks(tokens, OTHER, OF_STACK), about_everything)})
    refused({action: (job.asks(action, OWN), lambda each: unbounded(may_everything(each))) for action in more})


def test_grafana_reads_the_stacks_own_metrics_only() -> None:
    grafana = roles("grafana")
    assert allowed({"query": grafana.asks("aps:QueryMetrics", METRICS.format("ws-1"), OF_STACK)}) == {"query": True}
    refused({"another store": (grafana.asks("aps:QueryMetrics", METRICS.format("ws-2"), OF_STACK), about_everything)})
    refused({"writing": (grafana.asks("aps:RemoteWrite", METRICS.format("ws-1"), OF_STACK), may_everything)})


def test_only_grafana_of_this_account_takes_its_role() -> None:
    grafana, service = roles("grafana"), "grafana.amazonaws.com"
    ours = {"aws:SourceAccount": PLACE.account, "aws:SourceArn": OWN}
    theirs = {"aws:SourceAccount": "999999999999", "aws:SourceArn": OWN.replace(PLACE.account, "999999999999")}
    elsewhere = ours | {"aws:SourceArn": OWN.replace("eu-central-1", "us-east-1")}
    asked = {"ours": ours, "theirs": theirs, "elsewhere": elsewhere}
    passed = allowed({whose: grafana.assumed_by(service, context) for whose, context in asked.items()})
    assert passed == {"ours": True, "theirs": False, "elsewhere": False}


def test_the_pipeline_makes_a_workspace_only_where_one_is_declared() -> None:
    deploy, own = roles("ci-deploy"), PLACE.iam_arn(f"role/{PLACE.name}-grafana")
    asked = {
        "workspace": deploy.asks("grafana:CreateWorkspace", "*", {f"aws:RequestTag/{STACK_LABEL}": PLACE.stack}),
        "people": deploy.asks("sso:AssociateProfile", "*"),
        "role": deploy.asks("iam:PassRole", own, {"iam:PassedToService": "grafana.amazonaws.com"}),
    }
    assert allowed(asked) == dict.fromkeys(asked, True)
    assert "grafana" not in json.dumps(deploy_statements(PLACE))


@cache
def managed() -> Recorder:
    """Shared between tests, which only read it."""
    return platform(grafanas.managed())


def roles(name: str) -> Role:
    return role(managed(), PLACE, name)


def read(text: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(text)
    return parser
