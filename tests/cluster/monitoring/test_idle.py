"""When a run's GPUs count as idle, in Prometheus's test runner: by what its job declares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import yaml

from infra.catalogue.alerts.idle import IdleLimit
from infra.declaration.monitoring import Monitoring
from infra.observability.rules_file import rules_file
from tests.cluster.monitoring.tools import Promtool

LIMIT = IdleLimit("vision", "training", "digits", below=5, for_=1800, then="notify")
RUN = "digits-0123abcd"
ALONE = f"{RUN}-x"
GONE = "stale"
"""As a series ends when it is missing from a scrape."""

Series = Mapping[str, str]


def pod(
    name: str = ALONE,
    *,
    uses: str = "1x90",
    gpus: int = 1,
    phases: Mapping[str, str] | None = None,
    started: int = 10,
    of_job: str = RUN,
    **labels: str,
) -> Series:
    """Series of a pod, one value a minute. It starts after 10 minutes, and `uses` so much of its GPUs, in percent."""
    it = f'namespace="vision",pod="{name}"'
    marks = {"app_kubernetes_io_name": "digits", "app_kubernetes_io_component": "training", **labels}
    labelled = ",".join(f'label_{key}="{value}"' for key, value in marks.items())
    return {
        f'kube_pod_container_resource_requests{{{it},resource="nvidia_com_gpu",container="a"}}': f"_x10 {gpus}x90",
        f"kube_pod_labels{{{it},{labelled}}}": "_x10 1x90",
        f'kube_pod_info{{{it},created_by_kind="Job",created_by_name="{of_job}"}}': "_x10 1x90",
        f'kube_pod_container_state_started{{{it},container="a"}}': f"_x{started} {60 * started}x90",
        **{
            f'kube_pod_status_phase{{{it},phase="{phase}"}}': values
            for phase, values in (phases or {"Running": "_x10 1x90", "Failed": "_x10 0x90"}).items()
        },
        **{
            f'DCGM_FI_DEV_GPU_UTIL{{{it},node="a10g-0",gpu="{gpu}",UUID="GPU-{name}-{gpu}"}}': f"_x10 {uses}"
            for gpu in range(gpus)
        },
    }


def worker(number: int, uses: str = "1x90") -> Series:
    """One of several, each of which has a Job of its own."""
    job = f"{RUN}-worker-{number}"
    return pod(f"{job}-0-x", uses=uses, gpus=2, of_job=job, jobset_sigs_k8s_io_jobset_name=RUN)


@dataclass(frozen=True)
class Case:
    """Whether RunIdle fires for the series, by the minute; `pods` is in its summary, and `since` a minute."""

    series: Series
    fires: Mapping[int, bool]
    since: int = 10
    pods: str = f"pod {ALONE} holds 1"


CASES = {
    "not before its time": Case(pod(), {39: False, 40: True, 60: True}),
    "its GPU was used once": Case(pod(uses="1x10 50 1x80"), {50: False, 51: False, 52: True}, since=22),
    "its GPU is used as much as declared": Case(pod(uses="5x90"), {80: False}),
    "a scrape failed": Case(pod(uses=f"1x10 {GONE} 1x80"), {51: False, 52: True}, since=22),
    "no metrics": Case(pod(uses="_x90"), {80: False}),
    "one of two GPUs has no metrics": Case(
        {**{name: values for name, values in pod(gpus=2).items() if 'gpu="1"' not in name}}, {80: False}
    ),
    "its image is pulled": Case(
        pod(phases={"Pending": "_x10 1x25 0x60", "Running": "_x10 0x25 1x60"}, started=36),
        {40: False, 65: False, 66: True},
        since=36,
    ),
    "it has ended": Case(pod(phases={"Running": "_x10 1x20 0x60", "Succeeded": "_x10 0x20 1x60"}), {50: False}),
    "its pod was replaced": Case(
        {
            **pod(phases={"Running": "_x10 1x15 0x60", "Failed": "_x10 0x15 1x60"}),
            **pod(f"{RUN}-y", phases={"Running": "_x26 1x60"}, started=26),
        },
        {45: False, 55: False, 56: True},
        since=26,
        pods=f"pod {RUN}-y holds 1",
    ),
    "all workers": Case(
        {**worker(0), **worker(1)},
        {39: False, 40: True},
        pods=f"pod {RUN}-worker-0-0-x holds 2 pod {RUN}-worker-1-0-x holds 2",
    ),
    "all workers but one": Case({**worker(0), **worker(1, uses="60x90")}, {80: False}),
    "all workers but one, which has no metrics": Case({**worker(0), **worker(1, uses="_x90")}, {80: False}),
    "another job": Case(pod(app_kubernetes_io_name="letters"), {80: False}),
}


def told(case: Case, then: str = "notify") -> dict[str, Any]:
    run = {"namespace": "vision", "component": "training", "workload": "digits", "job_name": RUN, "then": then}
    since = f"1970-01-01 00:{case.since:02}:00 +0000 UTC"
    it = f"run {RUN} of team vision's training job digits"
    summary = f"{it} has not used its GPUs since {since}{' and is stopped' * (then == 'stop')}: {case.pods}"
    return {
        "exp_labels": {**run, "severity": "warning", "team": "vision"},
        "exp_annotations": {"summary": summary, "runbook_url": "docs/runbooks/RunIdle.md"},
    }


def asked(name: str, case: Case, then: str = "notify") -> dict[str, Any]:
    return {
        "name": name,
        "interval": "1m",
        "input_series": [{"series": series, "values": values} for series, values in case.series.items()],
        "alert_rule_test": [
            {"eval_time": f"{minute}m", "alertname": "RunIdle", "exp_alerts": [told(case, then)] if fires else []}
            for minute, fires in case.fires.items()
        ],
    }


def run(promtool: Promtool, tests: list[dict[str, Any]], limit: IdleLimit = LIMIT) -> None:
    (promtool.folder / "rules.yml").write_text(yaml.safe_dump(rules_file(Monitoring(), {}, [limit])))
    document = {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": tests}
    (promtool.folder / "tests.yml").write_text(yaml.safe_dump(document))
    answer = promtool.run("test", "rules", "tests.yml")
    assert answer.code == 0, answer.text


def test_a_run_is_idle_while_none_of_its_gpus_is_used(promtool: Promtool) -> None:
    """In one run, since promtool takes a second to start."""
    run(promtool, [asked(name, case) for name, case in CASES.items()])


def test_the_alert_says_that_the_run_is_stopped(promtool: Promtool) -> None:
    """By its label, too, which decides what is stopped."""
    case = CASES["not before its time"]
    run(promtool, [asked("stop", case, "stop")], replace(LIMIT, then="stop"))


def test_pods_of_the_run_are_left_to_its_own_alert(promtool: Promtool) -> None:
    """Of another job without `idle`, there is an alert for each GPU."""
    series = {**pod(), **pod("letters-x", of_job="letters-1", app_kubernetes_io_name="letters")}
    gpu = {"node": "a10g-0", "gpu": "0", "UUID": "GPU-letters-x-0", "namespace": "vision", "pod": "letters-x"}
    expected = {
        "exp_labels": {**gpu, "severity": "warning", "team": "vision"},
        "exp_annotations": {
            "summary": "GPU 0 of node a10g-0 is allocated to pod letters-x and idle (utilization 1 %)",
            "runbook_url": "docs/runbooks/GpuIdle.md",
        },
    }
    test = asked("both", Case(series, {50: True}))
    test["alert_rule_test"].append({"eval_time": "50m", "alertname": "GpuIdle", "exp_alerts": [expected]})
    run(promtool, [test])
