"""For every alert: series that make it fire, and similar ones that do not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Series = Mapping[str, str]
"""The values of each series, one per minute, in promtool's notation."""

LONG = "x60"
"""Repeats a value for an hour."""


@dataclass(frozen=True)
class Case:
    """The expected labels and summary; `minutes` is when the alert is evaluated."""

    alert: str
    fires: Series
    quiet: Series
    summary: str
    labels: Mapping[str, str] = field(default_factory=dict)
    minutes: int = 50
    severity: str = "warning"
    team: str = "platform"
    slo_window: str = "30d"


_GPU = 'gpu="0",node="a10g-0",UUID="GPU-7",simulated="true"'
_HELD = f'{_GPU},namespace="vision",pod="train"'
_BY_OTHER = f'{_GPU},namespace="vision",pod="other"'
_GPU_LABELS = {"gpu": "0", "node": "a10g-0", "UUID": "GPU-7", "simulated": "true"}
_HELD_LABELS = {**_GPU_LABELS, "namespace": "vision", "pod": "train"}
_POD = 'namespace="vision",pod="train"'
_ASKS = f'kube_pod_container_resource_requests{{{_POD},resource="nvidia_com_gpu",container="main",node=""}}'
_PLACED_ASKS = (
    f'kube_pod_container_resource_requests{{{_POD},resource="nvidia_com_gpu",container="main",node="a10g-0"}}'
)
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
_RELEASED, _STABLE = "envoy_cluster_upstream", f'{_ENDPOINT},release="stable"'
_FAILED_CONNECTIONS = f"{_RELEASED}_cx_connect_fail{{{_STABLE}}}"
_WAITING = "kube_pod_container_status_waiting_reason"
_RESTARTS = "kube_pod_container_status_restarts_total"
_INIT_WAITING = "kube_pod_init_container_status_waiting_reason"
_INIT_RESTARTS = "kube_pod_init_container_status_restarts_total"
_RUNS_ON = f'kube_pod_info{{{_POD},node="local-node"}}'
_OF_JOB = 'kube_pod_info{namespace="vision",pod="digits-x",created_by_name="digits"'
_DAEMONS = 'namespace="ml-platform-devices",daemonset="dcgm-exporter-a10g"'
_UNVERSIONED = f'{_ENDPOINT},model="digits"'
_MODEL = f'{_UNVERSIONED},version="3"'
_REGISTRY = 'up{job="registry",instance="10.244.0.1:5001"}'
_TELLS = 'up{job="training",instance="train",namespace="vision"}'
_NODES_OWN = ("kubelet", "cadvisor")
_VOLUME = 'namespace="ml-platform",persistentvolumeclaim="tracking"'


def counter(*parts: tuple[int, float]) -> str:
    """A counter; each part is a number of minutes and the increase in each of them."""
    total, written = 0.0, []
    for minutes, each in parts:
        written.append(f"{total + each:g}+{each:g}x{minutes - 1}")
        total += minutes * each
    return " ".join(["0", *written])


def _answers(*parts: tuple[int, int], requests: int = 100) -> Series:
    """`requests` a minute; each part is a number of minutes and of failed requests in each of them."""
    name = f"inference_requests_total{{{_ENDPOINT}"
    return {
        f'{name},code="500"}}': counter(*parts),
        f'{name},code="200"}}': counter(*((minutes, requests - bad) for minutes, bad in parts)),
    }


def _durations(slow_a_minute: int) -> Series:
    """A hundred requests a minute, of which `slow_a_minute` take longer than half a second."""
    name = "inference_request_duration_seconds"
    return {
        f'{name}_bucket{{{_ENDPOINT},le="0.5"}}': f"0+{100 - slow_a_minute}x600",
        f'{name}_bucket{{{_ENDPOINT},le="1.0"}}': "0+100x600",
        f"{name}_count{{{_ENDPOINT}}}": "0+100x600",
    }


def _asked(failed_a_minute: int) -> Series:
    """A hundred requests a minute, and two hundred health checks, of which half fail and must not count."""
    name = "tracking_requests_total"
    return {
        f'{name}{{route="runs",code="500"}}': f"0+{failed_a_minute}x60",
        f'{name}{{route="runs",code="200"}}': f"0+{100 - failed_a_minute}x60",
        f'{name}{{route="health",code="200"}}': "0+100x60",
        f'{name}{{route="health",code="503"}}': "0+100x60",
    }


def _pulls(pod: str) -> Series:
    """In vain: between two tries it waits for another reason."""
    return {
        f'{_WAITING}{{{pod},container="main",reason="ErrImagePull"}}': "1 _ 1 _ 1 _ 1 _ 1 _ 1 _ 1",
        f'{_WAITING}{{{pod},container="main",reason="ImagePullBackOff"}}': "_ 1 _ 1 _ 1 _ 1 _ 1 _ 1 _",
    }


def _same(values: Mapping[str, float]) -> Series:
    return {name: f"{value}+0{LONG}" for name, value in values.items()}


_TRAIN = {"namespace": "vision", "pod": "train"}
_CRASHES = {**_TRAIN, "container": "main", "node": "local-node"}
_DEPLOYMENT = 'namespace="vision",deployment="digits"'

CASES = (
    Case(  # and the GPU's next holder has nothing to do with it
        "GpuXidError",
        {
            f'DCGM_EXP_XID_ERRORS_COUNT{{{_HELD},xid="79"}}': "_x19 1x5",
            f'DCGM_EXP_XID_ERRORS_COUNT{{{_BY_OTHER},xid="79"}}': "_x25 1x5",
        },
        {
            f"DCGM_FI_DEV_XID_ERRORS{{{_HELD}}}": "79x60",
            f"DCGM_EXP_XID_ERRORS_COUNT{{{_HELD}}}": "0x60",
            f'DCGM_EXP_XID_ERRORS_COUNT{{{_HELD},xid="31"}}': "_x19 1x10",
        },
        "GPU 0 of node a10g-0 reports Xid 79",
        {**_GPU_LABELS, "xid": "79"},
        minutes=28,
        severity="critical",
    ),
    Case(  # names the pod that the error ended, not its successor; resolves after ten minutes
        "GpuProgramXid",
        {
            f'DCGM_EXP_XID_ERRORS_COUNT{{{_GPU},xid="31"}}': "_x19 1x1",
            f'DCGM_EXP_XID_ERRORS_COUNT{{{_BY_OTHER},xid="31"}}': "_x21 1x8",
            f"DCGM_FI_DEV_GPU_UTIL{{{_HELD}}}": "90x18",
            f"DCGM_FI_DEV_GPU_UTIL{{{_BY_OTHER}}}": "_x21 60x30",
        },
        {
            f'DCGM_EXP_XID_ERRORS_COUNT{{{_HELD},xid="31"}}': "_x9 1x5",
            f'DCGM_EXP_XID_ERRORS_COUNT{{{_BY_OTHER},xid="31"}}': "_x15 1x30",
            f'DCGM_EXP_XID_ERRORS_COUNT{{{_BY_OTHER},xid="79"}}': "_x24 1x30",
            f"DCGM_FI_DEV_GPU_UTIL{{{_HELD}}}": "90x14",
            f"DCGM_FI_DEV_GPU_UTIL{{{_BY_OTHER}}}": "_x15 90x30",
        },
        "GPU 0 of node a10g-0 reports Xid 31: check pod train",
        {**_HELD_LABELS, "xid": "31"},
        minutes=26,
        team="vision",
    ),
    Case(  # no pod held the GPU
        "GpuProgramXid",
        {f'DCGM_EXP_XID_ERRORS_COUNT{{{_GPU},xid="31"}}': "_x19 1x10"},
        {f"DCGM_EXP_XID_ERRORS_COUNT{{{_GPU}}}": "0x60"},
        "GPU 0 of node a10g-0 reports Xid 31",
        {**_GPU_LABELS, "xid": "31"},
        minutes=25,
    ),
    Case(
        "GpuEccError",
        {
            f"DCGM_FI_DEV_ECC_DBE_VOL_TOTAL{{{_HELD}}}": "2x30",
            f"DCGM_FI_DEV_ECC_DBE_VOL_TOTAL{{{_BY_OTHER}}}": "_x31 2x30",
        },
        _same({f"DCGM_FI_DEV_ECC_DBE_VOL_TOTAL{{{_GPU}}}": 0}),
        "GPU 0 of node a10g-0 has 2 uncorrectable memory errors",
        _GPU_LABELS,
        severity="critical",
    ),
    Case(
        "GpuIdle",
        _same({f"DCGM_FI_DEV_GPU_UTIL{{{_HELD}}}": 1}),
        _same({f"DCGM_FI_DEV_GPU_UTIL{{{_GPU}}}": 0, f"DCGM_FI_DEV_GPU_UTIL{{{_HELD}}}": 60}),
        "GPU 0 of node a10g-0 is allocated to pod train and idle (utilization 1 %)",
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
        "GPU 0 of node a10g-0 is thermally throttled",
        _GPU_LABELS,
    ),
    Case(
        "GpuJobPending",
        _same({_ASKS: 1, _PENDING: 1, _OFFERS: 1, _OTHER_HOLDS: 1, _OTHER_RUNS: 1}),
        _same({_ASKS: 1, _PENDING: 0, _OFFERS: 1}),
        "pod train is pending and requests 1 GPUs: no node has that many GPUs free",
        _TRAIN,
        team="vision",
    ),
    Case(
        "GpuJobPending",
        _same({_ASKS: 1, _PENDING: 1, _OFFERS: 1}),
        {**_same({_ASKS: 1, _OFFERS: 1}), _PENDING: "1x5 0x60"},
        "pod train is pending and requests 1 GPUs: GPUs are free, but not on a node that it can use",
        _TRAIN,
        team="vision",
    ),
    Case(  # although the reason changed meanwhile; not for a pod that has a node and pulls its image
        "GpuJobPending",
        {
            **_same({_OFFERS: 1, _OTHER_HOLDS: 1}),
            _ASKS: "_x29 1x40",
            _PENDING: "_x29 1x40",
            _OTHER_RUNS: "1x39 0x4 1x1 0x30",
        },
        _same({_PLACED_ASKS: 1, _PENDING: 1, _OFFERS: 1}),
        "pod train is pending and requests 1 GPUs: GPUs are free, but not on a node that it can use",
        _TRAIN,
        team="vision",
    ),
    Case(
        "GpuJobPending",
        _same({_ASKS: 1, _PENDING: 1}),
        _same({_ASKS: 1}),
        "pod train is pending and requests 1 GPUs: no node has that many GPUs free",
        _TRAIN,
        team="vision",
    ),
    Case(
        "GpusUnseen",
        _same({_OFFERS: 2, f"DCGM_FI_DEV_GPU_UTIL{{{_GPU}}}": 0}),
        _same({_OFFERS: 1, f"DCGM_FI_DEV_GPU_UTIL{{{_GPU}}}": 0}),
        "node a10g-0 has 1 allocatable GPUs without metrics",
        {"node": "a10g-0"},
    ),
    Case(
        "GpusUnseen",
        _same({_OFFERS: 1}),
        _same({'kube_node_status_allocatable{node="a10g-0",resource="cpu"}': 8}),
        "node a10g-0 has 1 allocatable GPUs without metrics",
        {"node": "a10g-0"},
    ),
    Case(  # it was preempted ten minutes after its start, and has been waiting since
        "JobQueued",
        {f"kube_job_status_suspended{{{_JOB}}}": "0x10 1x260"},
        {
            f"kube_job_status_suspended{{{_JOB}}}": "1x200 0x5 1x100",
            'kube_job_status_suspended{namespace="vision",job_name="over"}': "1x300",
            'kube_job_failed{namespace="vision",job_name="over",condition="true"}': "1x300",
        },
        "job digits waits in its queue, or somebody has suspended it: make status JOB=digits",
        _JOB_LABELS,
        minutes=260,
        team="vision",
    ),
    Case(
        "JobRefused",
        _same({f"kube_job_status_active{{{_JOB}}}": 0, f"kube_job_status_failed{{{_JOB}}}": 0}),
        _same(
            {
                f"kube_job_status_active{{{_JOB}}}": 1,
                'kube_job_status_active{namespace="vision",job_name="done"}': 0,
                'kube_job_complete{namespace="vision",job_name="done",condition="true"}': 1,
                'kube_job_status_active{namespace="vision",job_name="over"}': 0,
                'kube_job_failed{namespace="vision",job_name="over",condition="true"}': 1,
                'kube_job_status_active{namespace="vision",job_name="stopped"}': 0,
                'kube_job_status_suspended{namespace="vision",job_name="stopped"}': 1,
                'kube_job_status_active{namespace="vision",job_name="between"}': 0,
                'kube_job_status_failed{namespace="vision",job_name="between"}': 1,
            }
        ),
        "job digits has no pod: a quota or an admission policy rejects it",
        _JOB_LABELS,
        team="vision",
    ),
    Case(  # the only retry by default; two instances of kube-state-metrics overlap during a rollout
        "JobRetried",
        {
            f'kube_job_status_failed{{{_JOB},instance="a"}}': "1x50",
            f'kube_job_status_failed{{{_JOB},instance="b"}}': "_x49 1x50",
            f'kube_job_status_active{{{_JOB},instance="a"}}': "1x50",
        },
        _same({f"kube_job_status_failed{{{_JOB}}}": 1, f"kube_job_status_active{{{_JOB}}}": 0}),
        "job digits has failed 1 times and is retrying",
        _JOB_LABELS,
        team="vision",
    ),
    Case(
        "JobFailed",
        _same(
            {
                f'kube_job_status_failed{{{_JOB},reason="DeadlineExceeded",instance="a"}}': 1,
                f'kube_job_status_failed{{{_JOB},reason="DeadlineExceeded",instance="b"}}': 1,
                f'{_OF_JOB},node=""}}': 1,
                f'{_OF_JOB},node="a10g-0"}}': 1,
            }
        ),
        _same({f'kube_job_status_failed{{{_JOB},reason="DeadlineExceeded"}}': 0}),
        "job digits has failed: DeadlineExceeded",
        {**_JOB_LABELS, "reason": "DeadlineExceeded"},
        team="vision",
    ),
    Case(
        "JobFailed",
        _same({f'kube_job_failed{{{_JOB},condition="true"}}': 1}),
        _same({f'kube_job_failed{{{_JOB},condition="false"}}': 1}),
        "job digits has failed",
        _JOB_LABELS,
        team="vision",
    ),
    Case(  # its timeout ends it long before GpuJobPending would fire
        "JobFailed",
        {
            f'kube_job_status_failed{{{_JOB},reason="DeadlineExceeded"}}': "_x9 1x60",
            f'{_OF_JOB},node=""}}': "_x6 1x3",
        },
        {f'{_OF_JOB},node=""}}': "1x60"},
        "job digits has failed: DeadlineExceeded; one of its pods was never scheduled",
        {**_JOB_LABELS, "reason": "DeadlineExceeded"},
        team="vision",
    ),
    Case(
        "TrainingStalled",
        {f"training_progress_ratio{{{_JOB}}}": "0.5x90"},
        {
            'training_progress_ratio{namespace="vision",job_name="moves"}': "0+0.01x90",
            'training_progress_ratio{namespace="vision",job_name="done"}': "1x90",
        },
        "job digits is running but its progress does not change",
        _JOB_LABELS,
        minutes=80,
        team="vision",
    ),
    Case(
        "TrainingDiverged",
        {f'training_loss{{{_JOB},split="train"}}': "0.5x10" + 50 * " NaN"},
        {f'training_loss{{{_JOB},split="train"}}': "0.5-0.01x60"},
        "the loss of job digits is NaN or infinite",
        _JOB_LABELS,
        team="vision",
    ),
    Case(
        "TrainingDiverged",
        {f'training_loss{{{_JOB},split="train"}}': "0.5x10" + 50 * " Inf"},
        {f'training_loss{{{_JOB},split="train"}}': "1e30x60"},
        "the loss of job digits is NaN or infinite",
        _JOB_LABELS,
        team="vision",
    ),
    Case(
        "ServingFailing",
        _answers((600, 10)),
        _answers((600, 1)),
        "endpoint digits fails 10% of its requests",
        _ENDPOINT_LABELS,
        minutes=120,
        severity="critical",
        team="vision",
    ),
    Case(  # fast burn for an hour that goes on; quiet: it stopped in the last minutes
        "ServingFailing",
        _answers((300, 0), (90, 10)),
        _answers((300, 0), (84, 10), (6, 0)),
        "endpoint digits fails 10% of its requests",
        _ENDPOINT_LABELS,
        minutes=390,
        severity="critical",
        team="vision",
    ),
    Case(  # the same; quiet: for minutes only
        "ServingFailing",
        _answers((300, 0), (90, 10)),
        _answers((380, 0), (10, 20)),
        "endpoint digits fails 10% of its requests",
        _ENDPOINT_LABELS,
        minutes=390,
        severity="critical",
        team="vision",
    ),
    Case(  # below the 1 h burn rate, above the 6 h one; quiet: it stopped in the last half hour
        "ServingFailing",
        _answers((400, 5)),
        _answers((365, 5), (35, 0)),
        "endpoint digits fails 5% of its requests",
        _ENDPOINT_LABELS,
        minutes=400,
        severity="critical",
        team="vision",
    ),
    Case(  # the same; quiet: for half an hour only
        "ServingFailing",
        _answers((400, 5)),
        _answers((360, 0), (40, 5)),
        "endpoint digits fails 5% of its requests",
        _ENDPOINT_LABELS,
        minutes=400,
        severity="critical",
        team="vision",
    ),
    Case(  # low traffic: every request fails; quiet: one of thirteen does
        "ServingFailing",
        {f'inference_requests_total{{{_ENDPOINT},code="500"}}': counter((110, 0), *[(9, 0), (1, 1)] * 6)},
        {
            f'inference_requests_total{{{_ENDPOINT},code="500"}}': counter((169, 0), (1, 1)),
            f'inference_requests_total{{{_ENDPOINT},code="200"}}': counter((110, 0), *[(4, 0), (1, 1)] * 12),
        },
        "endpoint digits fails 100% of its requests",
        _ENDPOINT_LABELS,
        minutes=170,
        severity="critical",
        team="vision",
    ),
    Case(
        "ServingErrorBudgetShrinks",
        _answers((600, 1)),
        _answers((600, 0)),
        "endpoint digits fails more requests than its SLO allows (1%)",
        _ENDPOINT_LABELS,
        minutes=160,
        team="vision",
        slo_window="1d",
    ),
    Case(  # for a tenth of the SLO window; quiet: it stopped in the last 1/120
        "ServingErrorBudgetShrinks",
        _answers((160, 1)),
        _answers((147, 1), (13, 0)),
        "endpoint digits fails more requests than its SLO allows (1%)",
        _ENDPOINT_LABELS,
        minutes=160,
        team="vision",
        slo_window="1d",
    ),
    Case(  # quiet: for 1/120 of the SLO window only
        "ServingErrorBudgetShrinks",
        _answers((160, 1)),
        _answers((147, 0), (13, 1)),
        "endpoint digits fails more requests than its SLO allows (1%)",
        _ENDPOINT_LABELS,
        minutes=160,
        team="vision",
        slo_window="1d",
    ),
    Case(
        "ServingSlow",
        _durations(20),
        _durations(2),
        "endpoint digits exceeds its latency objective for 20% of its requests",
        _ENDPOINT_LABELS,
        minutes=120,
        severity="critical",
        team="vision",
    ),
    Case(
        "ServingLatencyBudgetShrinks",
        _durations(2),
        _durations(0),
        "endpoint digits is slow more often than its SLO allows (2%)",
        _ENDPOINT_LABELS,
        minutes=160,
        team="vision",
        slo_window="1d",
    ),
    Case(
        "GatewayFailing",
        {_FAILED_CONNECTIONS: "0+5x60", f'{_RELEASED}_rq_xx{{{_STABLE},envoy_response_code_class="5"}}': "0+2x60"},
        {_FAILED_CONNECTIONS: "0+5x60", f'{_RELEASED}_rq_xx{{{_STABLE},envoy_response_code_class="2"}}': "0+2x60"},
        "the gateway reaches no server of endpoint digits",
        _ENDPOINT_LABELS,
        severity="critical",
        team="vision",
    ),
    Case(
        "GatewayCertificateExpires",
        {'envoy_server_days_until_first_cert_expiring{instance="envoy-x"}': "20x90"},
        {'envoy_server_days_until_first_cert_expiring{instance="envoy-x"}': "21x90"},
        "a certificate of the gateway expires in 20 days",
        minutes=70,
        severity="critical",
    ),
    Case(
        "BatchJobMissed",
        {
            'kube_cronjob_next_schedule_time{namespace="vision",cronjob="nightly"}': "600x60",
            'kube_cronjob_status_active{namespace="vision",cronjob="nightly"}': "0x60",
        },
        {
            'kube_cronjob_next_schedule_time{namespace="vision",cronjob="nightly"}': "600x60",
            'kube_cronjob_status_active{namespace="vision",cronjob="nightly"}': "1x60",
            'kube_cronjob_next_schedule_time{namespace="vision",cronjob="ahead"}': "86400x60",
            'kube_cronjob_status_active{namespace="vision",cronjob="ahead"}': "0x60",
        },
        "batch job nightly was due 40m 0s ago and has not been started",
        {"namespace": "vision", "cronjob": "nightly"},
        team="vision",
    ),
    Case(
        "ChampionMissing",
        {
            f'inference_model_loaded{{{_UNVERSIONED},pod="a"}}': "1x60",
            f'inference_model_loaded{{{_UNVERSIONED},pod="b"}}': "0x60",
        },
        {f"inference_model_loaded{{{_UNVERSIONED}}}": "0x40 1x20"},
        "endpoint digits has a server without a version of model digits",
        {**_ENDPOINT_LABELS, "model": "digits"},
        team="vision",
    ),
    Case(
        "ChampionBroken",
        {f"inference_model_load_failures_total{{{_UNVERSIONED}}}": "0+6x60"},
        {f"inference_model_load_failures_total{{{_UNVERSIONED}}}": "0 1x60"},
        "endpoint digits can't load the champion",
        _ENDPOINT_LABELS,
        team="vision",
    ),
    Case(
        "ChampionOld",
        _same({f"inference_model_created_timestamp_seconds{{{_MODEL}}}": -100 * 86400}),
        _same({f"inference_model_created_timestamp_seconds{{{_MODEL}}}": -80 * 86400}),
        "version 3 of model digits is 100d 0h 50m 0s old",
        {**_ENDPOINT_LABELS, "model": "digits", "version": "3"},
        team="vision",
    ),
    Case(
        "PodCrashLoops",
        {
            f'{_WAITING}{{{_POD},container="main",reason="CrashLoopBackOff"}}': "1x60",
            f'{_RESTARTS}{{{_POD},container="main"}}': "0x10 1x20 2x30",
            _RUNS_ON: "1x60",
            f'kube_pod_info{{{_POD},node="local-node",pod_ip="10.244.0.9"}}': "1x60",
        },
        _same({_RUNS_ON: 1}),
        "container main of pod train is crash-looping",
        _CRASHES,
        team="vision",
    ),
    Case(
        "PodCrashLoops",
        {f'{_RESTARTS}{{{_POD},container="main"}}': "0+1x60", _RUNS_ON: "1x60"},
        {f'{_RESTARTS}{{{_POD},container="main"}}': "9x60", _RUNS_ON: "1x60"},
        "container main of pod train is crash-looping",
        _CRASHES,
        team="vision",
    ),
    Case(  # runs nine minutes between crashes and is evaluated while it runs; quiet: a single crash
        "PodCrashLoops",
        {
            f'{_WAITING}{{{_POD},container="main",reason="CrashLoopBackOff"}}': "_x8 1x4 _x9 1x4 _x9 1x4 _x9 1x4 _x9",
            f'{_RESTARTS}{{{_POD},container="main"}}': "0x13 1x14 2x14 3x14",
            _RUNS_ON: "1x60",
        },
        {
            f'{_WAITING}{{{_POD},container="main",reason="CrashLoopBackOff"}}': "_x39 1x1",
            f'{_RESTARTS}{{{_POD},container="main"}}': "0x40 1x20",
            _RUNS_ON: "1x60",
        },
        "container main of pod train is crash-looping",
        _CRASHES,
        minutes=48,
        team="vision",
    ),
    Case(
        "PodCrashLoops",
        {
            f'{_INIT_WAITING}{{{_POD},container="main",reason="CrashLoopBackOff"}}': "1x60",
            f'{_INIT_RESTARTS}{{{_POD},container="main"}}': "0x10 1x20 2x30",
            _RUNS_ON: "1x60",
        },
        {
            f'{_INIT_WAITING}{{{_POD},container="main",reason="PodInitializing"}}': "1x60",
            f'{_INIT_RESTARTS}{{{_POD},container="main"}}': "2x60",
            _RUNS_ON: "1x60",
        },
        "container main of pod train is crash-looping",
        _CRASHES,
        team="vision",
    ),
    Case(  # independent of the kube-state-metrics instance
        "DeploymentDown",
        {
            f'kube_deployment_status_replicas_available{{{_DEPLOYMENT},instance="a"}}': "0x49",
            f'kube_deployment_spec_replicas{{{_DEPLOYMENT},instance="a"}}': "2x49",
            f'kube_deployment_status_replicas_available{{{_DEPLOYMENT},instance="b"}}': "_x48 0x9",
            f'kube_deployment_spec_replicas{{{_DEPLOYMENT},instance="b"}}': "_x48 2x9",
        },
        _same(
            {
                f"kube_deployment_status_replicas_available{{{_DEPLOYMENT}}}": 0,
                f"kube_deployment_spec_replicas{{{_DEPLOYMENT}}}": 0,
            }
        ),
        "no pod of digits is ready",
        {"namespace": "vision", "deployment": "digits"},
        severity="critical",
        team="vision",
    ),
    Case(
        "DaemonSetIncomplete",
        _same(
            {
                f"kube_daemonset_status_desired_number_scheduled{{{_DAEMONS}}}": 3,
                f"kube_daemonset_status_number_ready{{{_DAEMONS}}}": 2,
            }
        ),
        _same(
            {
                f"kube_daemonset_status_desired_number_scheduled{{{_DAEMONS}}}": 3,
                f"kube_daemonset_status_number_ready{{{_DAEMONS}}}": 3,
            }
        ),
        "dcgm-exporter-a10g is not ready on 1 nodes",
        {"namespace": "ml-platform-devices", "daemonset": "dcgm-exporter-a10g"},
    ),
    Case(  # independent of the kube-state-metrics instance
        "NodeNotReady",
        {
            'kube_node_status_condition{node="n",condition="Ready",status="true",instance="a"}': "0x49",
            'kube_node_status_condition{node="n",condition="Ready",status="true",instance="b"}': "_x48 0x9",
        },
        _same({'kube_node_status_condition{node="n",condition="Ready",status="true"}': 1}),
        "node n is not ready",
        {"node": "n"},
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
        "a disk of node n has 5% of its space left",
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
        "volume tracking has 9% of its space left",
        {"namespace": "ml-platform", "persistentvolumeclaim": "tracking"},
        team="ml-platform",
    ),
    Case(
        "PodUnschedulable",
        _same({'kube_pod_status_unschedulable{namespace="vision",pod="train"}': 1}),
        # One that asks for GPUs has an alert of its own.
        _same({'kube_pod_status_unschedulable{namespace="vision",pod="train"}': 1, _ASKS: 1, _PENDING: 1}),
        "pod train fits no node",
        _TRAIN,
        team="vision",
    ),
    Case(
        "ImagePullFails",
        _pulls(_POD),
        {f'{_WAITING}{{{_POD},container="main",reason="ContainerCreating"}}': "1x60"},
        "container main of pod train cannot pull its image",
        {**_TRAIN, "container": "main"},
        minutes=9,
        team="vision",
    ),
    Case(
        "ImagePullFails",
        {f'{_INIT_WAITING}{{{_POD},container="main",reason="ImagePullBackOff"}}': "1x60"},
        {f'{_INIT_WAITING}{{{_POD},container="main",reason="PodInitializing"}}': "1x60"},
        "container main of pod train cannot pull its image",
        {**_TRAIN, "container": "main"},
        team="vision",
    ),
    Case(  # several namespaces; a single one may have a mistyped image
        "RegistryUnreachable",
        {**_pulls(_POD), **_pulls('namespace="speech",pod="train"')},
        {**_pulls(_POD), **_pulls(_OTHER)},
        "pods in 2 namespaces cannot pull images from the registry",
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
        "target training at train is down",
        {"job": "training", "instance": "train", "namespace": "vision"},
        team="vision",
    ),
    Case(
        "TargetDown",
        _same({'up{job="kubelet",instance="n"}': 0}),
        _same({'up{job="kubelet",instance="n"}': 1}),
        "target kubelet at n is down",
        {"job": "kubelet", "instance": "n"},
    ),
    Case(
        "MetricsMissing",
        _same({f'up{{job="{job}",instance="i"}}': 1 for job in ("node-exporter", "kubelet", "cadvisor")}),
        _same({f'up{{job="{job}",instance="i"}}': 0 for job in ("kube-state-metrics", "node-exporter", *_NODES_OWN)}),
        "no target of kube-state-metrics exists: alerts on its metrics cannot fire",
        {"job": "kube-state-metrics"},
        severity="critical",
    ),
    Case(
        "MetricsMissing",
        _same({f'up{{job="{job}",instance="i"}}': 1 for job in ("kube-state-metrics", *_NODES_OWN)}),
        _same({f'up{{job="{job}",instance="i"}}': 1 for job in ("kube-state-metrics", "node-exporter", *_NODES_OWN)}),
        "no target of node-exporter exists: alerts on its metrics cannot fire",
        {"job": "node-exporter"},
        severity="critical",
    ),
    Case(
        "MonitoringConfigRejected",
        _same({'alertmanager_config_last_reload_successful{job="alertmanager"}': 0}),
        _same({'prometheus_config_last_reload_successful{job="prometheus"}': 1}),
        "alertmanager rejected its new configuration and keeps the previous one",
        {"job": "alertmanager"},
        severity="critical",
    ),
    Case(
        "PrometheusFailing",
        {'prometheus_rule_evaluation_failures_total{instance="p",rule_group="gpus"}': "0+1x60"},
        {'prometheus_rule_evaluation_failures_total{instance="p",rule_group="gpus"}': f"7+0{LONG}"},
        "Prometheus fails to evaluate rules or to store its data",
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
        "remote write fails or is behind: the remote store is missing metrics",
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
        "remote write fails or is behind: the remote store is missing metrics",
        {"instance": "p"},
    ),
    Case(
        "NotificationsFail",
        {'alertmanager_notifications_failed_total{job="alertmanager",integration="webhook"}': "0+1x60"},
        # A single failure is retried, as after a restart of the receiver.
        {'alertmanager_notifications_failed_total{job="alertmanager",integration="webhook"}': "0+0x46 1+0x60"},
        "alertmanager cannot deliver alerts",
        {"job": "alertmanager"},
        severity="critical",
    ),
)
