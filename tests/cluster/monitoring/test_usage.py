"""What teams hold and do not use, in Prometheus's test runner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from infra.catalogue.metrics import TEAM_IDLE, TEAM_REQUESTS
from infra.declaration.monitoring import Monitoring
from infra.observability.rules_file import rules_file
from tests.cluster.monitoring.tools import Promtool

GIB = 2**30
Series = Mapping[str, str]


def pod(team: str, name: str, *, phase: str = "Running", node: str = "a", **requests: int) -> Series:
    """Series of a pod of one container, one value a minute; `requests` by the resource of kube-state-metrics."""
    it = f'namespace="{team}",pod="{name}"'
    asked = 'kube_pod_container_resource_requests{{{it},container="main",node="{node}",resource="{resource}"}}'
    return {
        f'kube_pod_status_phase{{{it},phase="{phase}"}}': "1x60",
        **{asked.format(it=it, node=node, resource=each): f"{amount}x60" for each, amount in requests.items()},
    }


def uses(team: str, name: str, *, cpu: str = "", memory: int = 0, gpus: tuple[int, ...] = ()) -> Series:
    """`cpu` is a counter of seconds, `gpus` are in percent."""
    it = f'namespace="{team}",pod="{name}"'
    found = {f'DCGM_FI_DEV_GPU_UTIL{{{it},node="a",gpu="{n}",UUID="{n}"}}': f"{use}x60" for n, use in enumerate(gpus)}
    if cpu:
        found[f'container_cpu_usage_seconds_total{{{it},container=""}}'] = cpu
        found[f'container_cpu_usage_seconds_total{{{it},container="main"}}'] = cpu
    if memory:
        found[f'container_memory_working_set_bytes{{{it},container=""}}'] = f"{memory}x60"
    return found


SERIES = {
    **pod("vision", "half-used", cpu=3, memory=4 * GIB),
    **uses("vision", "half-used", cpu="0+90x60", memory=GIB),  # 1.5 cores
    **pod("vision", "busy", cpu=1, memory=GIB),
    **uses("vision", "busy", cpu="0+120x60", memory=2 * GIB),  # 2 cores, which makes no other pod less idle
    **pod("speech", "simulated", cpu=4, nvidia_com_gpu=2),  # without the kubelet's metrics
    **uses("speech", "simulated", gpus=(40, 10)),
    **pod("speech", "without-a-node", phase="Pending", node="", cpu=8),
    **pod("speech", "done", phase="Succeeded", cpu=8),
}
EXPECTED = {
    (TEAM_REQUESTS, "vision", "cpu"): 3 + 1,
    (TEAM_IDLE, "vision", "cpu"): 1.5,
    (TEAM_REQUESTS, "vision", "memory"): 5 * GIB,
    (TEAM_IDLE, "vision", "memory"): 3 * GIB,
    (TEAM_REQUESTS, "speech", "cpu"): 4,
    (TEAM_IDLE, "speech", "cpu"): 0,
    (TEAM_REQUESTS, "speech", "gpu"): 2,
    (TEAM_IDLE, "speech", "gpu"): 1.5,
}


def expected(metric: str) -> list[dict[str, Any]]:
    return [
        {"labels": f'{name}{{namespace="{team}",resource="{resource}"}}', "value": value}
        for (name, team, resource), value in EXPECTED.items()
        if name == metric
    ]


def document() -> dict[str, Any]:
    test = {
        "interval": "1m",
        "input_series": [{"series": series, "values": values} for series, values in SERIES.items()],
        "promql_expr_test": [
            {"expr": metric, "eval_time": "30m", "exp_samples": expected(metric)}
            for metric in (TEAM_REQUESTS, TEAM_IDLE)
        ],
    }
    return {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": [test]}


def test_what_pods_on_nodes_request_is_their_team_s_and_what_they_do_not_use_is_idle(promtool: Promtool) -> None:
    (promtool.folder / "rules.yml").write_text(yaml.safe_dump(rules_file(Monitoring(), {})))
    (promtool.folder / "tests.yml").write_text(yaml.safe_dump(document()))
    answer = promtool.run("test", "rules", "tests.yml")
    assert answer.code == 0, answer.text
