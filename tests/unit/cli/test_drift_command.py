"""Exit codes of `make drift`, and the errors of a comparison that is not possible."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, cast

import pytest
from kubernetes import client
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import MaxRetryError

from cli import __main__ as commands
from cli import preflight, stack
from cli.drift import command, compare
from cli.drift.report import Drift, Report
from common.console import console
from common.errors import CommandError
from infra.declaration.model import Platform

Object = dict[str, Any]
CHANGED = Drift("changed", "Deployment vision/digits", "spec.replicas", "2", "1", "do this")
DEPLOYMENT: Object = {
    "type": "kubernetes:apps/v1:Deployment",
    "custom": True,
    "outputs": {"metadata": {}},
}


@pytest.mark.parametrize(("drift", "code"), [([], 0), ([CHANGED], 2)])
def test_a_scheduler_sees_drift_by_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], drift: list[Drift], code: int
) -> None:
    monkeypatch.setattr(console, "stderr", False)  # as it is again after the test
    monkeypatch.setattr(command, "compare", lambda name: Report(name, 1, drift))
    monkeypatch.setattr(commands, "_prepare", lambda: None)
    assert commands.main(["drift", "--stack", "dev", "--json"]) == code
    assert json.loads(capsys.readouterr().out)["stack"] == "dev"


@pytest.mark.parametrize("arguments", [["--unknown"], ["--json", "--markdown"]])
def test_a_mistake_on_the_command_line_is_an_error_and_no_drift(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        commands.main(["drift", *arguments])
    assert ended.value.code == 1


def failure(action: Callable[[], object]) -> CommandError:
    with pytest.raises(CommandError) as raised:
        action()
    assert raised.value.hint
    return raised.value


def test_an_unknown_stack_is_an_error_with_a_hint() -> None:
    assert failure(lambda: compare.compare("unknown")).what == "no stack unknown"


def test_a_stack_that_is_not_deployed_is_an_error_with_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "declaration", lambda name, values: None)
    monkeypatch.setattr(stack, "require_backend", lambda name, declared: None)
    monkeypatch.setattr(stack, "exists", lambda name: False)
    error = failure(lambda: compare.compare("dev"))
    assert (error.what, error.hint) == ("stack dev is not deployed", "run `make up STACK=dev`")


@pytest.mark.parametrize(
    ("deployment", "what"),
    [
        ({}, "stack dev is not deployed"),
        ({"resources": [DEPLOYMENT], "pending_operations": [{}]}, "stack dev has an unfinished update"),
    ],
)
def test_an_incomplete_state_is_not_compared(monkeypatch: pytest.MonkeyPatch, deployment: Object, what: str) -> None:
    monkeypatch.setattr(stack, "deployment", lambda name, reveal: deployment)
    assert failure(lambda: compare._resources("dev")).what == what


@pytest.mark.parametrize(
    ("unseen", "what", "hint"),
    [
        ("", "the local cluster does not run", "run `make up STACK=dev`"),
        (
            "not queried: no kubeconfig has the context x; set KUBECONFIG",
            "the cluster can't be queried",
            "set KUBECONFIG",
        ),
    ],
)
def test_a_cluster_without_a_context_is_an_error_with_a_hint(
    monkeypatch: pytest.MonkeyPatch, unseen: str, what: str, hint: str
) -> None:
    monkeypatch.setattr(preflight, "kube_context", lambda declared, name: "x")
    monkeypatch.setattr(compare, "why_unseen", lambda name, declared: unseen)
    monkeypatch.setattr(compare, "contexts", lambda files: [])
    error = failure(lambda: compare._connect("dev", cast("Platform", None), []))
    assert (error.what, error.hint) == (what, hint)


@pytest.mark.parametrize(
    ("error", "what"),
    [
        (ApiException(status=403, reason="Forbidden"), "the cluster of context 'x' refuses this login"),
        (MaxRetryError(cast("Any", None), "/api", Exception("refused")), "the cluster of context 'x' does not answer"),
    ],
)
def test_a_cluster_that_can_not_be_read_is_an_error_with_a_hint(
    monkeypatch: pytest.MonkeyPatch, error: Exception, what: str
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(preflight, "kube_context", lambda declared, name: "x")
    monkeypatch.setattr(compare, "why_unseen", lambda name, declared: "")
    monkeypatch.setattr(compare, "contexts", lambda files: ["x"])
    monkeypatch.setattr(compare, "api_client", lambda context: client.ApiClient())
    monkeypatch.setattr(client.CoreV1Api, "list_namespace", fails)
    assert failure(lambda: compare._connect("dev", cast("Platform", None), [])).what == what


def test_another_cluster_is_no_drift() -> None:
    namespace = {"type": "kubernetes:core/v1:Namespace", "outputs": {"metadata": {"name": "vision", "uid": "1"}}}
    compare.require_own("dev", [namespace], {"1", "2"}, "kind")
    error = failure(lambda: compare.require_own("dev", [namespace], {"2"}, "kind"))
    assert error.what == "the context 'kind' leads to another cluster"
