"""For every alert: what makes it fire and what does not, as like each other as can be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Series = Mapping[str, str]
"""The values of each series, one a minute, in promtool's notation."""

LONG = "x60"
"""An hour of the same."""


@dataclass(frozen=True)
class Case:
    """`labels` and `summary` are what is told; `minutes` when it is asked for."""

    alert: str
    fires: Series
    quiet: Series
    summary: str
    labels: Mapping[str, str] = field(default_factory=dict)
    minutes: int = 50
    severity: str = "warning"
    team: str = "platform"


_GPU = 'gpu="0",node="a10g-0",simulated="true"'
_HELD = f'{_GPU},namespace="vision",pod="train"'
_GPU_LABELS = {"gpu": "0", "node": "a10g-0", "simulated": "true"}
_HELD_LABELS = {**_GPU_LABELS, "namespace": "vision", "pod": "train"}
_POD = 'namespace="vision",pod="train"'
_ASKS = f'kube_pod_container_resource_requests{{{_POD},resource="nvidia_com_gpu",container="main",node=""}}'
_PENDING = f'kube_pod_status_phase{{{_POD},phase="Pending"}}'
_OFFERS = 'kube_node_status_allocatable{node="a10g-0",resource="nvidia_com_gpu"}'
_OTHER = 'namespace="vision",pod="other"'
_OTHER_HOLDS = f'kube_pod_container_resource_requests{{{_OTHER},resource="nvidia_com_gpu",node="a10g-0"}}'
_OTHER_RUNS = f'kube_pod_status_phase{{{_OTHER},phase="Running"}}'
_REMOTE, _URL = "prometheus_remote_storage", '{instance="p",url="https://store.example"}'
_JOB = 'namespace="vision",job_name="digits"'
_JOB_LABELS = {"namespace": "vision", "job_name": "digits"}
_ENDPOINT = 'namespace="vision",endpoint="digits"'
_ENDPOINT_LABELS = {"namespace": "vision", "endpoint": "digits"}
_WAITING = "kube_pod_container_status_waiting_reason"
_MODEL = f'{_ENDPOINT},model="digits",version="3"'
_REGISTRY = 'up{job="registry",instance="10.244.0.1:5001"}'
_TELLS = 'up{job="training",instance="train",namespace="vision"}'
_VOLUME = 'namespace="ml-platform",persistentvolumeclaim="tracking"'


def _answers(bad_a_minute: int) -> Series:
    """A hundred requests a minute."""
    return {
        f'inference_requests_total{{{_ENDPOINT},code="500"}}': f"0+{bad_a_minute}x600",
        f'inference_requests_total{{{_ENDPOINT},code="200"}}': f"0+{100 - bad_a_minute}x600",
    }


def _durations(slow_a_minute: int) -> Series:
    """A hundred requests a minute, of which so many take longer than half a second."""
    name = "inference_request_duration_seconds"
    return {
        f'{name}_bucket{{{_ENDPOINT},le="0.5"}}': f"0+{100 - slow_a_minute}x600",
        f'{name}_bucket{{{_ENDPOINT},le="1.0"}}': "0+100x600",
        f"{name}_count{{{_ENDPOINT}}}": "0+100x600",
    }


def _asked(failed_a_minute: int) -> Series:
    """A hundred requests a minute, and a server that is asked as often whether it is well."""
    name = "tracking_requests_total"
    return {
        f'{name}{{route="runs",code="500"}}': f"0+{failed_a_minute}x60",
        f'{name}{{route="runs",code="200"}}': f"0+{100 - failed_a_minute}x60",
        f'{name}{{route="health",code="200"}}': "0+100x60",
    }


def _same(values: Mapping[str, float]) -> Series:
    return {name: f"{value}+0{LONG}" for name, value in values.items()}


_TRAIN = {"namespace": "vision", "pod": "train"}

CASES = (
    Case(
        "GpuXidError",
        _same({f"DCGM_FI_DEV_XID_ERRORS{{{_HELD}}}": 79}),
        _same({f"DCGM_FI_DEV_XID_ERRORS{{{_HELD}}}": 0}),
        "GPU 0 of node a10g-0 reports Xid 79",
        _HELD_LABELS,
        severity="critical",
        team="vision",
    ),
    Case(
        "GpuEccError",
        _same({f"DCGM_FI_DEV_ECC_DBE_VOL_TOTAL{{{_GPU}}}": 2}),
        _same({f"DCGM_FI_DEV_ECC_DBE_VOL_TOTAL{{{_GPU}}}": 0}),
        "GPU 0 of node a10g-0 has 2 memory errors that could not be corrected",
        _GPU_LABELS,
        severity="critical",
    ),
    Case(
        "GpuIdle",
        _same({f"DCGM_FI_DEV_GPU_UTIL{{{_HELD}}}": 1}),
        _same({f"DCGM_FI_DEV_GPU_UTIL{{{_GPU}}}": 0, f"DCGM_FI_DEV_GPU_UTIL{{{_HELD}}}": 60}),
        "GPU 0 of node a10g-0 is held by pod train and idle (1 %)",
        _HELD_LABELS,
        team="vision",
    ),
    Case(
        "GpuMemoryNearlyFull",
        _same({f"DCGM_FI_DEV_FB_USED{{{_HELD}}}": 980, f"DCGM_FI_DEV_FB_FREE{{{_HELD}}}": 20}),
        _same({f"DCGM_FI_DEV_FB_USED{{{_HELD}}}": 940, f"DCGM_FI_DEV_FB_FREE{{{_HELD}}}": 60}),
        "the memory of GPU 0 of node a10g-0 is 98% full",
        _HELD_LABELS,
        team="vision",
    ),
    Case(
        "GpuThrottled",
        _same({f"DCGM_FI_DEV_CLOCK_THROTTLE_REASONS{{{_GPU}}}": 0x40 + 0x1}),
        _same({f"DCGM_FI_DEV_CLOCK_THROTTLE_REASONS{{{_GPU}}}": 0x80 + 0x4}),
        "GPU 0 of node a10g-0 is slowed down by heat",
        _GPU_LABELS,
    ),
    Case(
        "GpuJobPending",
        _same({_ASKS: 1, _PENDING: 1, _OFFERS: 1, _OTHER_HOLDS: 1, _OTHER_RUNS: 1}),
        _same({_ASKS: 1, _PENDING: 0, _OFFERS: 1}),
        "pod train waits for 1 GPUs: no node has as many GPUs free",
        {**_TRAIN, "why": "no node has as many GPUs free"},
        team="vision",
    ),
    Case(
        "GpuJobPending",
        _same({_ASKS: 1, _PENDING: 1, _OFFERS: 1}),
        {**_same({_ASKS: 1, _OFFERS: 1}), _PENDING: "1x5 0x60"},
        "pod train waits for 1 GPUs: GPUs are free where it may not or cannot go",
        {**_TRAIN, "why": "GPUs are free where it may not or cannot go"},
        team="vision",
    ),
    Case(
        "GpuJobPending",
        _same({_ASKS: 1, _PENDING: 1}),
        _same({_ASKS: 1}),
        "pod train waits for 1 GPUs: no node has as many GPUs free",
        {**_TRAIN, "why": "no node has as many GPUs free"},
        team="vision",
    ),
    Case(
        "JobRetriedOften",
        _same({f'kube_job_status_failed{{{_JOB},reason=""}}': 2, f"kube_job_status_active{{{_JOB}}}": 1}),
        _same({f'kube_job_status_failed{{{_JOB},reason=""}}': 2, f"kube_job_status_active{{{_JOB}}}": 0}),
        "job digits has failed 2 times and tries again",
        _JOB_LABELS,
        team="vision",
    ),
    Case(
        "JobFailed",
        _same({f'kube_job_status_failed{{{_JOB},reason="DeadlineExceeded"}}': 1}),
        _same({f'kube_job_status_failed{{{_JOB},reason="DeadlineExceeded"}}': 0}),
        "job digits has given up: DeadlineExceeded",
        {**_JOB_LABELS, "reason": "DeadlineExceeded"},
        team="vision",
    ),
    Case(
        "JobFailed",
        _same({f'kube_job_failed{{{_JOB},condition="true"}}': 1}),
        _same({f'kube_job_failed{{{_JOB},condition="false"}}': 1}),
        "job digits has given up",
        {**_JOB_LABELS, "condition": "true"},
        team="vision",
    ),
    Case(
        "TrainingStalled",
        {f"training_progress_ratio{{{_JOB}}}": "0.5x90"},
        {
            'training_progress_ratio{namespace="vision",job_name="moves"}': "0+0.01x90",
            'training_progress_ratio{namespace="vision",job_name="done"}': "1x90",
        },
        "job digits runs and has got no further for an hour",
        _JOB_LABELS,
        minutes=80,
        team="vision",
    ),
    Case(
        "TrainingDiverged",
        {f'training_loss{{{_JOB},split="train"}}': "0.5x10" + 50 * " NaN"},
        {f'training_loss{{{_JOB},split="train"}}': "0.5-0.01x60"},
        "the loss of job digits is no number any more",
        _JOB_LABELS,
        team="vision",
    ),
    Case(
        "TrainingDiverged",
        {f'training_loss{{{_JOB},split="train"}}': "0.5x10" + 50 * " Inf"},
        {f'training_loss{{{_JOB},split="train"}}': "1e30x60"},
        "the loss of job digits is no number any more",
        _JOB_LABELS,
        team="vision",
    ),
    Case(
        "ServingFailing",
        _answers(10),
        _answers(1),
        "endpoint digits fails 10% of its requests",
        _ENDPOINT_LABELS,
        minutes=120,
        severity="critical",
        team="vision",
    ),
    Case(
        "ServingErrorBudgetShrinks",
        _answers(1),
        _answers(0),
        "endpoint digits fails more requests than its objective allows (1%)",
        _ENDPOINT_LABELS,
        minutes=420,
        team="vision",
    ),
    Case(
        "ServingSlow",
        _durations(20),
        _durations(2),
        "endpoint digits is too slow for 20% of its requests",
        _ENDPOINT_LABELS,
        minutes=120,
        severity="critical",
        team="vision",
    ),
    Case(
        "ServingLatencyBudgetShrinks",
        _durations(2),
        _durations(0),
        "endpoint digits is slow more often than its objective allows (2%)",
        _ENDPOINT_LABELS,
        minutes=420,
        team="vision",
    ),
    Case(
        "ChampionOld",
        _same({f"inference_model_created_timestamp_seconds{{{_MODEL}}}": -100 * 86400}),
        _same({f"inference_model_created_timestamp_seconds{{{_MODEL}}}": -80 * 86400}),
        "version 3 of digits is 100d 0h 50m 0s old",
        {**_ENDPOINT_LABELS, "model": "digits", "version": "3"},
        team="vision",
    ),
    Case(
        "PodCrashLoops",
        _same(
            {
                f'{_WAITING}{{{_POD},container="main",reason="CrashLoopBackOff"}}': 1,
                f'kube_pod_info{{{_POD},node="workstation"}}': 1,
                f'kube_pod_info{{{_POD},node="workstation",pod_ip="10.244.0.9"}}': 1,
            }
        ),
        _same({f'kube_pod_info{{{_POD},node="workstation"}}': 1}),
        "container main of pod train ends again and again",
        {**_TRAIN, "container": "main", "node": "workstation"},
        team="vision",
    ),
    Case(
        "PodCrashLoops",
        {
            f'kube_pod_container_status_restarts_total{{{_POD},container="main"}}': "0+1x60",
            f'kube_pod_info{{{_POD},node="workstation"}}': f"1+0{LONG}",
        },
        {
            f'kube_pod_container_status_restarts_total{{{_POD},container="main"}}': f"9+0{LONG}",
            f'kube_pod_info{{{_POD},node="workstation"}}': f"1+0{LONG}",
        },
        "container main of pod train ends again and again",
        {**_TRAIN, "container": "main", "node": "workstation"},
        team="vision",
    ),
    Case(
        "DeploymentDown",
        _same(
            {
                'kube_deployment_status_replicas_available{namespace="vision",deployment="digits"}': 0,
                'kube_deployment_spec_replicas{namespace="vision",deployment="digits"}': 2,
            }
        ),
        _same(
            {
                'kube_deployment_status_replicas_available{namespace="vision",deployment="digits"}': 0,
                'kube_deployment_spec_replicas{namespace="vision",deployment="digits"}': 0,
            }
        ),
        "no pod of digits is ready",
        {"namespace": "vision", "deployment": "digits"},
        severity="critical",
        team="vision",
    ),
    Case(
        "NodeNotReady",
        _same({'kube_node_status_condition{node="n",condition="Ready",status="true"}': 0}),
        _same({'kube_node_status_condition{node="n",condition="Ready",status="true"}': 1}),
        "node n is not ready",
        {"node": "n", "condition": "Ready", "status": "true"},
        severity="critical",
    ),
    Case(
        "NodeDiskFilling",
        _same(
            {
                'node_filesystem_avail_bytes{node="n",mountpoint="/"}': 5,
                'node_filesystem_size_bytes{node="n",mountpoint="/"}': 100,
            }
        ),
        _same(
            {
                'node_filesystem_avail_bytes{node="n",mountpoint="/"}': 11,
                'node_filesystem_size_bytes{node="n",mountpoint="/"}': 100,
            }
        ),
        "a disk of node n has 5% left",
        {"node": "n"},
    ),
    Case(
        "VolumeFilling",
        _same(
            {
                f"kubelet_volume_stats_available_bytes{{{_VOLUME}}}": 9,
                f"kubelet_volume_stats_capacity_bytes{{{_VOLUME}}}": 100,
            }
        ),
        _same(
            {
                f"kubelet_volume_stats_available_bytes{{{_VOLUME}}}": 11,
                f"kubelet_volume_stats_capacity_bytes{{{_VOLUME}}}": 100,
            }
        ),
        "volume tracking has 9% left",
        {"namespace": "ml-platform", "persistentvolumeclaim": "tracking"},
        team="ml-platform",
    ),
    Case(
        "RegistryUnreachable",
        {
            f'{_WAITING}{{{_POD},container="main",reason="ErrImagePull"}}': "1 _ 1 _ 1 _ 1 _ 1 _ 1 _ 1",
            f'{_WAITING}{{{_POD},container="main",reason="ImagePullBackOff"}}': "_ 1 _ 1 _ 1 _ 1 _ 1 _ 1 _",
        },
        {f'{_WAITING}{{{_POD},container="main",reason="ContainerCreating"}}': f"1+0{LONG}"},
        "1 containers wait for an image that the registry does not give",
        minutes=9,
        severity="critical",
    ),
    Case(
        "RegistryUnreachable",
        _same({_REGISTRY: 0}),
        _same({_REGISTRY: 1}),
        "the registry does not answer",
        {"job": "registry"},
        severity="critical",
    ),
    Case(
        "TrackingFailing",
        _asked(failed_a_minute=10),
        _asked(failed_a_minute=2),
        "the tracking server fails 10% of its requests",
        severity="critical",
    ),
    Case(
        "TargetDown",
        {_TELLS: "1x10 0x50"},
        {_TELLS: "0x60"},
        "training at train does not answer",
        {"job": "training", "instance": "train", "namespace": "vision"},
        team="vision",
    ),
    Case(
        "TargetDown",
        _same({'up{job="kubelet",instance="n"}': 0}),
        _same({'up{job="kubelet",instance="n"}': 1}),
        "kubelet at n does not answer",
        {"job": "kubelet", "instance": "n"},
    ),
    Case(
        "MonitoringConfigRejected",
        _same({'alertmanager_config_last_reload_successful{job="alertmanager"}': 0}),
        _same({'prometheus_config_last_reload_successful{job="prometheus"}': 1}),
        "alertmanager has been given a configuration that it can't read; it works on with the one before",
        {"job": "alertmanager"},
        severity="critical",
    ),
    Case(
        "PrometheusFailing",
        {'prometheus_rule_evaluation_failures_total{instance="p",rule_group="gpus"}': "0+1x60"},
        {'prometheus_rule_evaluation_failures_total{instance="p",rule_group="gpus"}': f"7+0{LONG}"},
        "Prometheus fails to evaluate rules or to keep its data",
        {"instance": "p"},
        severity="critical",
    ),
    Case(
        "RemoteWriteFails",
        {f"{_REMOTE}_queue_highest_timestamp_seconds{_URL}": f"60+60{LONG}"},
        {
            f"{_REMOTE}_queue_highest_timestamp_seconds{_URL}": f"60+60{LONG}",
            f"{_REMOTE}_queue_highest_sent_timestamp_seconds{_URL}": f"0+60{LONG}",
            f"{_REMOTE}_samples_failed_total{_URL}": f"3+0{LONG}",
        },
        "metrics don't come to where they are kept beside the cluster",
        {"instance": "p"},
    ),
    Case(
        "RemoteWriteFails",
        {
            f"{_REMOTE}_queue_highest_timestamp_seconds{_URL}": f"60+60{LONG}",
            f"{_REMOTE}_queue_highest_sent_timestamp_seconds{_URL}": f"60+60{LONG}",
            f"{_REMOTE}_samples_failed_total{_URL}": f"0+5{LONG}",
        },
        {f"{_REMOTE}_samples_failed_total{_URL}": f"0+0{LONG}"},
        "metrics don't come to where they are kept beside the cluster",
        {"instance": "p"},
    ),
    Case(
        "NotificationsFail",
        {'alertmanager_notifications_failed_total{job="alertmanager",integration="webhook"}': "0+1x60"},
        {'alertmanager_notifications_failed_total{job="alertmanager",integration="webhook"}': f"3+0{LONG}"},
        "alertmanager can't deliver alerts",
        {"job": "alertmanager"},
        severity="critical",
    ),
)
