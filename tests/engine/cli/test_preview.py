"""Previews of a stack whose secrets nobody can read here."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from cli import shell
from cli.components import component, is_component, purpose
from cli.preflight import declaration
from cli.preview import preview, require_budgets
from common import paths
from common.console import Progress
from common.errors import CommandError
from offline import machine
from tests.examples import CLUSTER, DEV, PROD
from tests.project_copy import copy_project, use_this_environment
from tests.pulumi_engine import find_engine
from tests.unit.declaration.samples import REPOSITORY

BAD_NAMESPACE = """
import pulumi_kubernetes
outside = pulumi_kubernetes.Provider("outside", kubeconfig="{}")
pulumi_kubernetes.core.v1.Namespace(
    "forgotten", metadata={"name": "forgotten"}, opts=pulumi.ResourceOptions(provider=outside)
)
"""
ENCRYPTED = "v1:QxhwK2F37+A=:cannot-be-read-here"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project with a dev stack that has an encrypted value, and the name of the provider that encrypted it."""
    if find_engine() is None:
        pytest.skip("no pulumi on this machine: set ML_PLATFORM_BIN to the folder that holds it")
    for entry in REPOSITORY.iterdir():
        if entry.name != "Pulumi.dev.yaml":
            (tmp_path / entry.name).symlink_to(entry)
    document = yaml.safe_load(DEV.read_text())
    platform = document["config"]["ml-platform:platform"]
    platform["secrets"]["token"] = {"team": "vision"}
    platform["serving"]["digits"]["secrets"] = ["token"]
    document["config"]["ml-platform:token"] = {"secure": ENCRYPTED}
    document["secretsprovider"] = "awskms://alias/of-somebody-else"
    (tmp_path / "Pulumi.dev.yaml").write_text(yaml.safe_dump(document))
    monkeypatch.setattr(paths, "REPOSITORY", tmp_path)
    return tmp_path


PROXIES = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://192.0.2.1:3128")
"""Nothing answers there, and nothing excepts loopback."""


@pytest.mark.parametrize("proxies", [{}, PROXIES], ids=["no proxy", "a proxy"])
def test_prod_is_shown_without_network_credentials_cluster_or_docker(tmp_path: Path, proxies: dict[str, str]) -> None:
    if find_engine() is None or os.geteuid() != 0 or sys.platform != "linux":
        pytest.skip("takes a pulumi on this machine, and root to take the network away")
    use_this_environment(copy_project(tmp_path / "project"))
    lonely = ["unshare", "--net", "sh", "-c", 'ip link set lo up && ! ip route | grep . && exec "$@"', "sh"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "KUBE", "DOCKER_"))}
    kept = {name: value for name, value in kept.items() if not name.lower().endswith("_proxy")} | proxies
    kept |= {"XDG_STATE_HOME": str(tmp_path / "state")}
    command = [*lonely, sys.executable, "-m", "cli", "preview", "--stack", "prod"]
    shown = subprocess.run(command, cwd=tmp_path / "project", env=kept, capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    for part in ("+ cluster:", "AccessEntry", "NatGateway", "Deployment", "Image", "no mandatory policy is violated"):
        assert part in shown.stdout


def test_a_preview_shows_that_a_secret_has_a_value_and_needs_to_read_none(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (root / "Pulumi.dev.yaml").read_bytes()
    assert preview("dev", as_json=True) == 0
    steps = json.loads(capsys.readouterr().out)["steps"]
    inputs = {(step["type"], step["urn"].rpartition("::")[2]): step["inputs"] for step in steps}
    assert inputs["kubernetes:core/v1:Secret", "token"]["data"] == "[secret]"
    volumes = inputs["kubernetes:apps/v1:Deployment", "digits"]["spec"]["template"]["spec"]["volumes"]
    assert "token" in [volume.get("secret", {}).get("secretName") for volume in volumes]
    assert (root / "Pulumi.dev.yaml").read_bytes() == before


@pytest.fixture
def own(root: Path) -> str:
    """A stack whose secrets have no values yet."""
    document = yaml.safe_load(CLUSTER.read_text())
    settings = document["config"]["ml-platform:platform"]
    (root / "Pulumi.own.yaml").write_text(yaml.safe_dump({"config": {"ml-platform:platform": settings}}))
    return "own"


def test_a_shell_in_which_to_set_the_first_secret_opens_before_it_has_a_value(
    root: Path, own: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = root / "own-shell"
    program.write_text(f'#!/bin/sh\necho "$PULUMI_STACK" > {root}/opened\n')
    program.chmod(0o755)
    monkeypatch.setenv("SHELL", str(program))
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{root}")
    assert shell.shell(own) == 0
    assert (root / "opened").read_text() == "own\n"


def test_a_preview_comes_before_the_first_secret_has_a_value(own: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CommandError) as refused:
        declaration(own)
    assert refused.value.why.endswith("registry-push: has no value; run `pulumi config set --secret registry-push`")
    assert preview(own, as_json=True) == 0
    steps = json.loads(capfd.readouterr().out)["steps"]
    assert {"docker:index/image:Image", "kubernetes:batch/v1:Job"} <= {step["type"] for step in steps}


def test_a_stack_on_aws_fits_on_two_screens_and_begins_with_its_cost(
    root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (root / "Pulumi.costs.yaml").write_text(PROD.read_text())
    assert preview("costs") == 0
    lines = [line.rstrip() for line in capfd.readouterr().out.partition("Stack costs: ")[2].splitlines()]
    assert len(lines) < 90
    usual, least, most = re.findall(r"\$([0-9,.]+)", lines[0])
    table = lines[: next(number for number, line in enumerate(lines) if line.startswith(" total"))]
    rows = {row[0]: row[1:] for line in table if len(row := re.split(r" {2,}", line.strip())) > 1}
    priced = {name: row[:3] for name, row in rows.items() if re.fullmatch(r"[0-9,]+\.\d\d", row[0])}
    assert list(priced) == [
        *("keys", "network", "cluster", "system pool", "pool a10g", "pool cpu", "pool h100", "database"),
        *("storage", "backups", "Grafana", "monitoring", "secrets"),
    ]
    for column, total in enumerate((least, usual, most)):
        rounded = sum(Decimal(row[column].replace(",", "")) for row in priced.values())
        assert abs(rounded - Decimal(total.replace(",", ""))) <= Decimal("0.05")
    assert rows["network"] == ["124.83", "124.83", "124.83", "41 create", "3 x public address, 3 x NAT gateway"]
    assert rows["pool h100"][3:] == ["2 create", "2 x p5.48xlarge"]
    after = "\n".join(lines[len(table) :])
    for part in (
        *(
            "List prices of eu-central-1",
            "Pool a10g is priced on demand; at spot prices of eu-central-1",
            "By use, not included: ",
        ),
        *(
            "Priced as in us-east-1, since the price in eu-central-1 is not known: 2 x p5.48xlarge.",
            "+ keys: 10 Alias, 10 Key",
        ),
    ):
        assert part in after


def test_every_component_of_the_examples_has_a_name_and_a_purpose(
    root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for example in (PROD, CLUSTER, DEV):
        document = yaml.safe_load(example.read_text())
        settings = {"config": {"ml-platform:platform": document["config"]["ml-platform:platform"]}}
        (root / "Pulumi.named.yaml").write_text(yaml.safe_dump(settings))
        assert preview("named", as_json=True) == 0
        planned = json.loads(capfd.readouterr().out)
        names = {component(step) for step in planned["steps"] if not is_component(step)}
        assert [name for name in sorted(names) if not purpose(name)] == []
        assert (planned["cost"] is None) == (example != PROD)


def test_with_an_existing_gateway_class_the_plan_has_a_gateway_and_nothing_of_envoy_gateway(
    root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    document = yaml.safe_load(CLUSTER.read_text())
    settings = document["config"]["ml-platform:platform"]
    settings["gateway"] = {"gatewayClassName": "eg", "hosts": {"tracking": "mlflow.example.com"}}
    settings["secrets"]["ci"] = {"team": "vision", "generate": True}
    settings["serving"]["digits"]["expose"] = {"host": "models.example.com", "callers": ["ci"]}
    (root / "Pulumi.own.yaml").write_text(yaml.safe_dump({"config": {"ml-platform:platform": settings}}))
    assert preview("own", as_json=True) == 0
    steps = [step for step in json.loads(capfd.readouterr().out)["steps"] if component(step) == "gateway"]
    kinds = {step["type"].rpartition(":")[2] for step in steps if step["type"].startswith("kubernetes:")}
    routing = {"ClientTrafficPolicy", "Gateway", "HTTPRoute", "ReferenceGrant", "BackendTrafficPolicy"}
    assert kinds == {*routing, "NetworkPolicy", "Secret"}


def test_what_exceeds_a_ceiling_is_refused_with_the_reason(root: Path) -> None:
    document = yaml.safe_load(DEV.read_text())
    document["config"]["ml-platform:platform"]["limits"] = {"gpus": 0}
    (root / "Pulumi.large.yaml").write_text(yaml.safe_dump({"config": document["config"]}))
    with pytest.raises(CommandError) as refused:
        preview("large")
    assert "platform.limits.gpus: the node pools may have 2 GPUs, more than 0" in refused.value.why


def test_a_violated_policy_is_the_reason(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    program = (root / "__main__.py").read_text()
    (root / "__main__.py").unlink()
    (root / "__main__.py").write_text(program + BAD_NAMESPACE)
    with pytest.raises(CommandError) as refused:
        preview("dev")
    assert "policy namespaces-with-pod-security, forgotten: Every namespace" in refused.value.why
    assert "this namespace enforces no Pod Security level" in refused.value.why
    assert "preview failed" not in refused.value.why
    assert "Stack dev" not in capfd.readouterr().out


def test_a_budget_that_is_exceeded_fails_the_preview_by_the_cost_that_it_shows(
    root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Also of a team; the amounts are those of the same preview, which prints its cost as JSON."""
    document = yaml.safe_load(PROD.read_text())
    declared = document["config"]["ml-platform:platform"]
    declared["budget"] = {"monthly": 90_000}
    declared["teams"]["vision"]["budget"] = {"monthlyMaximum": 5000}
    (root / "Pulumi.dear.yaml").write_text(yaml.safe_dump({"config": {"ml-platform:platform": declared}}))
    with pytest.raises(CommandError) as refused:
        preview("dear", as_json=True)
    found = json.loads(capfd.readouterr().out)
    cost, vision = found["cost"]["monthly"]["usual"], found["cost"]["teams"]["vision"]["maximum"]
    more = [Decimal(cost) - 90_000, Decimal(vision) - 5000]
    beyond = (
        f"budget.monthly: the stack usually costs ${Decimal(cost):,.2f} a month, ${more[0]:,.2f} more than $90,000.00"
    )
    of_team = f"team 'vision' may cost ${Decimal(vision):,.2f} a month, ${more[1]:,.2f} more than $5,000.00"
    assert cost == "91056.53"
    assert f"\n{beyond}; declare fewer" in refused.value.why
    assert f"\nteams.vision.budget.monthlyMaximum: {of_team}" in refused.value.why
    assert [each["policy"] for each in found["problems"]] == ["budgets", "budgets"]
    with pytest.raises(CommandError) as before_up:
        require_budgets("dear", declaration("dear"), Progress())
    assert before_up.value.why == refused.value.why


def test_without_a_budget_up_makes_no_plan(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "Pulumi.free.yaml").write_text(PROD.read_text())
    monkeypatch.setattr(machine, "ensure_engine", None)
    require_budgets("free", declaration("free"), Progress())
