"""GPUs that are broken, too hot or too full, that nobody uses, or that nobody gets. Names are DCGM's."""

from __future__ import annotations

from infra.monitoring.alert import MINUTE, OF_NAMESPACE, WHOSE_EVER, Alert, Recording
from infra.monitoring.metrics import GPUS_FREE, GPUS_PENDING

_IDLE_PERCENT = 5
_FULL = 0.95
_FIRST_THERMAL_BIT, _BOTH_THERMAL_BITS = 32, 4
"""Of the reasons for which clocks are held back: 0x20 the driver's, 0x40 the hardware's own slowdown by heat."""
_ASKED = 'kube_pod_container_resource_requests{resource="nvidia_com_gpu"}'
_HELD = 'kube_pod_container_resource_requests{resource="nvidia_com_gpu",node!=""}'
_OFFERED = 'sum by (node) (kube_node_status_allocatable{resource="nvidia_com_gpu"})'
_HOLDS_THEM = 'kube_pod_status_phase{phase=~"Pending|Running"} == 1'
_MOST_FREE = f"scalar(max({GPUS_FREE}) or vector(0))"
_WHERE = "GPU {{ $labels.gpu }} of node {{ $labels.node }}"


def _because(why: str, expr: str) -> str:
    return f'label_replace({expr}, "why", "{why}", "", "")'


RECORDINGS = (
    Recording(
        GPUS_FREE,
        f"{_OFFERED} - (sum by (node) ({_HELD} and on (namespace, pod) ({_HOLDS_THEM})) or 0 * {_OFFERED})",
    ),
    Recording(
        GPUS_PENDING,
        f'sum by (namespace, pod) ({_ASKED} and on (namespace, pod) kube_pod_status_phase{{phase="Pending"}} == 1)',
    ),
)

ALERTS = (
    Alert(
        "GpuXidError",
        "DCGM_FI_DEV_XID_ERRORS > 0",
        f"{_WHERE} reports Xid {{{{ $value }}}}",
        after=0,
        severity="critical",
        team=WHOSE_EVER,
    ),
    Alert(
        "GpuEccError",
        "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL > 0",
        f"{_WHERE} has {{{{ $value }}}} memory errors that could not be corrected",
        after=0,
        severity="critical",
        team=WHOSE_EVER,
    ),
    Alert(
        "GpuIdle",
        f'DCGM_FI_DEV_GPU_UTIL{{pod!=""}} < {_IDLE_PERCENT}',
        f"{_WHERE} is held by pod {{{{ $labels.pod }}}} and idle ({{{{ $value }}}} %)",
        after=30 * MINUTE,
        team=WHOSE_EVER,
    ),
    Alert(
        "GpuMemoryNearlyFull",
        f"DCGM_FI_DEV_FB_USED / (DCGM_FI_DEV_FB_USED + DCGM_FI_DEV_FB_FREE) > {_FULL}",
        f"the memory of {_WHERE} is {{{{ $value | humanizePercentage }}}} full",
        after=10 * MINUTE,
        team=WHOSE_EVER,
    ),
    Alert(
        "GpuThrottled",
        f"floor(DCGM_FI_DEV_CLOCK_THROTTLE_REASONS / {_FIRST_THERMAL_BIT}) % {_BOTH_THERMAL_BITS} > 0",
        f"{_WHERE} is slowed down by heat",
        after=10 * MINUTE,
    ),
    Alert(
        "GpuJobPending",
        f"{_because('no node has as many GPUs free', f'{GPUS_PENDING} > {_MOST_FREE}')} or "
        f"{_because('GPUs are free where it may not or cannot go', f'{GPUS_PENDING} <= {_MOST_FREE}')}",
        "pod {{ $labels.pod }} waits for {{ $value }} GPUs: {{ $labels.why }}",
        after=15 * MINUTE,
        team=OF_NAMESPACE,
    ),
)
