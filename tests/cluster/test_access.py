"""Who may do what in whose namespace: every attempt is really made, with certificates that the cluster signed.

Two teams and a stranger, who is known to the cluster and in no group. The namespaces are made by the very components of
the platform, through the engine, in a stack of this test's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.stream import stream
from kubernetes.stream.ws_client import WSClient
from rich.table import Table

from cli import kubeconfig
from common import paths
from infra.catalogue.names import TEAM_LABEL
from infra.declaration.teams import Role
from offline.cluster import pause_image
from offline.cluster.addresses import CONTEXT, NODE_NAME
from tests.pulumi_engine import Pulumi, find_engine
from tests.tables import show
from tests.waiting import eventually

SECONDS = 600
"""The shortest that Kubernetes signs for."""
ROLES: tuple[Role, ...] = ("viewer", "developer", "admin")
STRANGER = "stranger"
ADMIN = "ml-platform-admin"
"""Who asks for the certificates; no request is left behind."""
PROGRAM = """
import sys

sys.path.insert(0, {repository!r})

import pulumi
import pulumi_kubernetes as kubernetes

from infra.declaration.teams import Team
from infra.foundation.local import egress
from infra.tenancy import Destination, Priorities, PrioritiesArgs, Workspace, WorkspaceArgs, team_policies

cluster = kubernetes.Provider("kubernetes", context={context!r})
on_cluster = pulumi.ResourceOptions(providers=[cluster])
priorities = Priorities("priorities", PrioritiesArgs({run!r}), on_cluster)
policies = team_policies(Destination({run!r}, {{"app.kubernetes.io/name": "tracking"}}, 5000), egress("10.244.0.1"))
for team, settings in {teams!r}.items():
    args = WorkspaceArgs(
        "test",
        "team",
        None,
        team=team,
        settings=Team.model_validate(settings),
        policies=policies,
        priorities=priorities,
    )
    Workspace(team, args, on_cluster)
"""

Attempt = Callable[[client.ApiClient, str], Any]


@dataclass(frozen=True)
class Person:
    """Someone with a certificate."""

    team: str
    role: str
    api: client.ApiClient

    def __str__(self) -> str:
        return f"{self.team} {self.role}".strip()


@pytest.fixture(scope="module")
def run() -> str:
    return f"access-{uuid4().hex[:6]}"


@pytest.fixture(scope="module")
def teams(run: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """The namespaces of two teams, each with a pod that runs and a secret."""
    if find_engine() is None:
        pytest.skip("no pulumi on this machine: set ML_PLATFORM_BIN to the folder that holds it")
    names = [f"{run}-red", f"{run}-blue"]
    stack = Pulumi(tmp_path_factory.mktemp("access"), {"KUBECONFIG": str(paths.KUBECONFIG)})
    declared = {name: settings(name) for name in names}
    stack.program(PROGRAM.format(repository=str(paths.REPOSITORY), context=CONTEXT, run=run, teams=declared))
    admin = client.CoreV1Api(config.new_client_from_config(str(paths.KUBECONFIG)))
    with stack:
        stack.up()
        for name in names:
            admin.create_namespaced_secret(name, {"metadata": {"name": "model-key"}, "stringData": {"key": "x"}})
            admin.create_namespaced_pod(name, pod("works"))
        for name in names:
            eventually(partial(running, admin, name), 60, f"the pod of {name}")
        yield names


def settings(team: str) -> dict[str, Any]:
    groups = {role: [group(team, role)] for role in ROLES}
    return {"groups": groups, "quota": {"cpu": 1, "memory": "4Gi", "pods": 20}}


def group(team: str, role: str) -> str:
    return f"{team}-{role}s"


def pod(name: str) -> dict[str, Any]:
    """Admitted at the `restricted` level; what it asks for is filled in by the team's defaults."""
    container = {
        "name": "main",
        "image": pause_image.REFERENCE,
        "imagePullPolicy": "Never",
        "command": ["/busybox", "sh", "-c", "echo started; exec /busybox sleep 3600"],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    security = {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}}
    spec = {"restartPolicy": "Never", "containers": [container], "securityContext": security}
    return {
        "metadata": {"name": name},
        "spec": {**spec, "nodeSelector": {"kubernetes.io/hostname": NODE_NAME}, "terminationGracePeriodSeconds": 0},
    }


def running(admin: client.CoreV1Api, namespace: str) -> bool:
    return bool(admin.read_namespaced_pod("works", namespace).status.phase == "Running")


@pytest.fixture(scope="module")
def people(teams: list[str]) -> list[Person]:
    """One of each role in each team, and one who is in no group at all."""
    members = [(team, role, [group(team, role)]) for team in teams for role in ROLES]
    return [person(team, role, groups) for team, role, groups in [*members, (STRANGER, "", [])]]


def person(team: str, role: str, groups: list[str]) -> Person:
    admin = config.new_client_from_config(str(paths.KUBECONFIG))
    name = f"{role or 'nobody'}@{team}"
    content = kubeconfig.kubeconfig(admin, name, groups, team, SECONDS)
    return Person(team, role, config.new_client_from_config_dict(yaml.safe_load(content)))


def execute(api: client.ApiClient, namespace: str) -> None:
    connect = client.CoreV1Api(api).connect_get_namespaced_pod_exec
    opened: WSClient = stream(
        connect, "works", namespace, command=["/busybox", "true"], stdout=True, stderr=True, _preload_content=False
    )
    opened.run_forever(timeout=20)
    assert opened.returncode == 0, "the command was let in and failed"


def create_job(api: client.ApiClient, namespace: str) -> None:
    spec = {"suspend": True, "template": {"spec": pod("any")["spec"]}}
    job = {"metadata": {"name": f"job-{uuid4().hex[:6]}"}, "spec": spec}
    client.BatchV1Api(api).create_namespaced_job(namespace, job)


def delete_pod(api: client.ApiClient, namespace: str) -> None:
    """One that was made for it, so that others still find theirs."""
    admin = client.CoreV1Api(config.new_client_from_config(str(paths.KUBECONFIG)))
    name = f"spare-{uuid4().hex[:6]}"
    admin.create_namespaced_pod(namespace, pod(name))
    try:
        client.CoreV1Api(api).delete_namespaced_pod(name, namespace)
    except ApiException:
        assert admin.read_namespaced_pod(name, namespace).metadata.deletion_timestamp is None
        admin.delete_namespaced_pod(name, namespace)
        raise


def bind_admin(api: client.ApiClient, namespace: str) -> None:
    """Would hand the team to somebody else."""
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "admin"}
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "somebody"}
    body = {"metadata": {"name": f"binding-{uuid4().hex[:6]}"}, "roleRef": role, "subjects": [subject]}
    client.RbacAuthorizationV1Api(api).create_namespaced_role_binding(namespace, body)


ATTEMPTS: Mapping[str, Attempt] = {
    "list pods": lambda api, space: client.CoreV1Api(api).list_namespaced_pod(space),
    "read a pod": lambda api, space: client.CoreV1Api(api).read_namespaced_pod("works", space),
    "read logs": lambda api, space: client.CoreV1Api(api).read_namespaced_pod_log("works", space),
    "exec": execute,
    "create a job": create_job,
    "delete a pod": delete_pod,
    "create a pod": lambda api, space: client.CoreV1Api(api).create_namespaced_pod(space, pod(f"p-{uuid4().hex[:6]}")),
    "read a secret": lambda api, space: client.CoreV1Api(api).read_namespaced_secret("model-key", space),
    "list secrets": lambda api, space: client.CoreV1Api(api).list_namespaced_secret(space),
    "bind a role": bind_admin,
}
SEE = {"list pods", "read a pod"}
WORK = {"read logs", "exec", "create a job", "delete a pod"}
CHANGE = {"create a pod", "read a secret", "list secrets"}
ALLOWED: Mapping[str, set[str]] = {"viewer": SEE, "developer": SEE | WORK, "admin": SEE | WORK | CHANGE, "": set()}
"""In one's own namespace; in any other, nothing."""


def answer(attempt: Attempt, api: client.ApiClient, namespace: str, tries: int = 5) -> int:
    """200, or the status with which the API refused; anything else than a refusal is the test's own failure."""
    try:
        attempt(api, namespace)
    except ApiException as error:
        # Two pods were counted against the quota at one time: Kubernetes asks the later one to try again.
        if error.status == 409 and "resourcequotas" in str(error.body) and tries > 1:
            return answer(attempt, api, namespace, tries - 1)
        # A refused stream is told by its handshake.
        status = 403 if "403 Forbidden" in str(error.reason) else error.status
        if status != 403:
            raise
        return 403
    return 200


@pytest.fixture(scope="module")
def matrix(
    people: list[Person], teams: list[str], pytestconfig: pytest.Config
) -> dict[tuple[str, str], dict[str, int]]:
    """Everybody in every namespace, each attempt made."""
    found = {
        (str(who), space): {name: answer(attempt, who.api, space) for name, attempt in ATTEMPTS.items()}
        for who in people
        for space in teams
    }
    show(table(found), pytestconfig)
    return found


def table(found: Mapping[tuple[str, str], Mapping[str, int]]) -> Table:
    table = Table("who", "in", *ATTEMPTS)
    for (who, space), row in found.items():
        table.add_row(who, space, *("yes" if status == 200 else str(status) for status in row.values()))
    return table


def test_nobody_does_anything_in_the_namespace_of_others(
    matrix: dict[tuple[str, str], dict[str, int]], people: list[Person], teams: list[str]
) -> None:
    others = [matrix[str(who), space] for who in people for space in teams if who.team != space]
    assert len(others) == 2 * len(ROLES) + len(teams), "every ordered pair of teams, and the stranger in each"
    assert [row for row in others if set(row.values()) != {403}] == []


def test_everybody_does_in_their_own_namespace_what_their_role_allows_and_no_more(
    matrix: dict[tuple[str, str], dict[str, int]], people: list[Person]
) -> None:
    for who in people:
        if who.role:
            row = matrix[str(who), who.team]
            assert {name for name, status in row.items() if status == 200} == ALLOWED[who.role], who


def test_nobody_sees_all_namespaces(people: list[Person]) -> None:
    def everywhere(api: client.ApiClient, _: str) -> None:
        client.CoreV1Api(api).list_pod_for_all_namespaces()

    assert {answer(everywhere, who.api, "") for who in people} == {403}


def test_pods_that_name_no_account_get_no_token(core: client.CoreV1Api, teams: list[str]) -> None:
    for team in teams:
        assert core.read_namespaced_service_account("default", team).automount_service_account_token is False
        mounts = core.read_namespaced_pod("works", team).spec.containers[0].volume_mounts or []
        assert mounts == []


def test_a_token_that_a_job_mounts_all_the_same_gets_it_nowhere(core: client.CoreV1Api, teams: list[str]) -> None:
    """Of its namespace's account, in a projected volume."""
    asked = {"spec": {"expirationSeconds": SECONDS}}
    token = core.create_namespaced_service_account_token("default", teams[0], asked).status.token
    known = core.api_client.configuration
    bearer = client.Configuration(host=known.host, api_key={"authorization": f"Bearer {token}"})
    bearer.ssl_ca_cert = known.ssl_ca_cert
    api = client.ApiClient(bearer)
    review = client.AuthenticationV1Api(api).create_self_subject_review({})
    assert review.status.user_info.username == f"system:serviceaccount:{teams[0]}:default", "the token is good"
    assert {answer(attempt, api, space) for attempt in ATTEMPTS.values() for space in teams} == {403}


def test_what_is_more_than_the_quota_is_refused(core: client.CoreV1Api, teams: list[str]) -> None:
    large = pod("large")
    large["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "2"}, "limits": {"cpu": "2"}}
    with pytest.raises(ApiException, match="exceeded quota: team"):
        core.create_namespaced_pod(teams[0], large)


def with_priority(priority: str) -> dict[str, Any]:
    """A pod that ranks so."""
    urgent = pod(f"urgent-{uuid4().hex[:6]}")
    return {**urgent, "spec": {**urgent["spec"], "priorityClassName": priority}}


def whoever(people: list[Person], team: str, role: str) -> client.ApiClient:
    (who,) = [who for who in people if (who.team, who.role) == (team, role)]
    return who.api


def test_no_admin_of_a_team_takes_a_priority_but_the_teams_own(
    people: list[Person], teams: list[str], run: str
) -> None:
    core = client.CoreV1Api(whoever(people, teams[0], "admin"))
    for priority in ("system-node-critical", "system-cluster-critical", f"{run}-platform"):
        with pytest.raises(ApiException, match="exceeded quota: priorities-of-others"):
            core.create_namespaced_pod(teams[0], with_priority(priority), dry_run="All")
    for priority in (f"{run}-training", f"{run}-serving"):
        core.create_namespaced_pod(teams[0], with_priority(priority), dry_run="All")


def test_nor_does_a_developer_by_a_job(people: list[Person], teams: list[str], core: client.CoreV1Api) -> None:
    urgent = with_priority("system-node-critical")
    job = {"metadata": urgent["metadata"], "spec": {"template": {"spec": urgent["spec"]}}}
    client.BatchV1Api(whoever(people, teams[0], "developer")).create_namespaced_job(teams[0], job)
    refused = "exceeded quota: priorities-of-others"

    def told() -> list[str]:
        events = core.list_namespaced_event(teams[0], field_selector="reason=FailedCreate").items
        return [event.message for event in events if refused in event.message]

    assert eventually(told, 60, "the controller's complaint")
    assert core.list_namespaced_pod(teams[0], label_selector=f"job-name={urgent['metadata']['name']}").items == []


def test_what_a_pod_writes_on_its_node_s_disk_is_limited_and_counted(core: client.CoreV1Api, teams: list[str]) -> None:
    made = core.create_namespaced_pod(teams[0], pod("any"), dry_run="All").spec.containers[0].resources
    assert (made.limits["ephemeral-storage"], made.requests["ephemeral-storage"]) == ("1Gi", "0")
    large = pod("large")
    large["spec"]["containers"][0]["resources"] = {"limits": {"ephemeral-storage": "1Ti"}}
    with pytest.raises(ApiException, match="exceeded quota: team"):
        core.create_namespaced_pod(teams[0], large, dry_run="All")


def test_a_privileged_pod_is_refused(core: client.CoreV1Api, teams: list[str]) -> None:
    privileged = pod("privileged")
    privileged["spec"]["containers"][0]["securityContext"] = {"privileged": True}
    with pytest.raises(ApiException, match="violates PodSecurity"):
        core.create_namespaced_pod(teams[0], privileged)


def test_a_namespace_bears_its_team_and_closes_its_pods(core: client.CoreV1Api, teams: list[str]) -> None:
    network = client.NetworkingV1Api(core.api_client)
    for team in teams:
        assert core.read_namespace(team).metadata.labels[TEAM_LABEL] == team
        closed = network.read_namespaced_network_policy("default-deny", team).spec
        assert sorted(closed.policy_types) == ["Egress", "Ingress"]
        assert (closed.ingress, closed.egress) == (None, None)


def test_a_kubeconfig_is_for_its_owner_and_expires(run: str, tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    admin = config.new_client_from_config(str(paths.KUBECONFIG))
    kubeconfig.write_private(file, kubeconfig.kubeconfig(admin, "someone", [run], run, SECONDS))
    assert file.stat().st_mode & 0o777 == 0o600
    known = client.AuthenticationV1Api(config.new_client_from_config(str(file)))
    user = known.create_self_subject_review({}).status.user_info
    assert (user.username, sorted(user.groups)) == ("someone", sorted([run, "system:authenticated"]))
    requests = client.CertificatesV1Api(admin).list_certificate_signing_request().items
    assert [each.metadata.name for each in requests if each.spec.username == ADMIN] == []
