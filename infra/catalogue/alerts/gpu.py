"""GPUs that are broken, too hot or too full, that nobody uses, nobody gets, or nobody measures. Names are DCGM's.

What a GPU is said to have is said of the GPU: whose it is, and which exporter says so, changes while it goes on.
"""

from __future__ import annotations

from infra.catalogue.alerts.alert import MINUTE, OF_NAMESPACE, WHOSE_EVER, Alert, Recording
from infra.catalogue.metrics import GPUS_FREE, GPUS_PENDING

_IDLE_PERCENT = 5
_FULL = 0.95
_FIRST_THERMAL_BIT, _BOTH_THERMAL_BITS = 32, 4
"""Of the reasons for which clocks are held back: 0x20 the driver's, 0x40 the hardware's own slowdown by heat."""
_REQUESTS = "kube_pod_container_resource_requests"
_ASKED = f'max by (namespace, pod, container) ({_REQUESTS}{{resource="nvidia_com_gpu",node=""}})'
_HELD = f'max by (namespace, pod, container, node) ({_REQUESTS}{{resource="nvidia_com_gpu",node!=""}})'
_OFFERED = 'max by (node) (kube_node_status_allocatable{resource="nvidia_com_gpu"})'
_MEASURED = "count by (node) (count by (node, gpu) (DCGM_FI_DEV_GPU_UTIL))"
_HOLDS_THEM = 'kube_pod_status_phase{phase=~"Pending|Running"} == 1'
_WHERE = "GPU {{ $labels.gpu }} of node {{ $labels.node }}"
_GPU = "node, gpu, UUID, simulated"
_ITS_POD = f"{_GPU}, namespace, pod"
_WHY = (
    f'{{{{ with printf "max({GPUS_FREE}) >= %f" $value | query }}}}GPUs are free where it may not or cannot go'
    "{{ else }}no node has as many GPUs free{{ end }}"
)
"""Not a label: each change of it would begin the wait anew."""

BROKEN = (46, 48, 62, 63, 64, 74, 79, 92, 94, 95, 119, 120, 140)
"""Xids of the hardware, its memory, its links and its firmware, in NVIDIA's catalog:
https://docs.nvidia.com/deploy/xid-errors/analyzing-xid-catalog.html. All others begin with the program that ran."""
_BROKEN = "|".join(map(str, BROKEN))
_OTHERS = f'DCGM_EXP_XID_ERRORS_COUNT{{xid!="",xid!~"{_BROKEN}"}}'
_COUNTED = f"max by ({_GPU}, xid) ({_OTHERS})"
_NEW = f"({_COUNTED} > (max by ({_GPU}, xid) (max_over_time({_OTHERS}[5m] offset 90s)) or 0 * {_COUNTED}))"
"""Since a reading before the last: what is asked for metrics seldomer would be told of too late."""
_BUSIEST = f'topk by ({_GPU}) (1, max by ({_ITS_POD}) (max_over_time(DCGM_FI_DEV_GPU_UTIL{{pod!=""}}[5m])))'
"""Whose program it was: an error often ends the pod before anybody has counted it."""


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
        f'max by ({_GPU}, xid) (DCGM_EXP_XID_ERRORS_COUNT{{xid=~"{_BROKEN}"}}) > 0',
        f"{_WHERE} reports Xid {{{{ $labels.xid }}}}",
        after=0,
        severity="critical",
    ),
    Alert(
        "GpuProgramXid",
        f"{_NEW} + on ({_GPU}) group_left (namespace, pod) 0 * {_BUSIEST} or on ({_GPU}) {_NEW}",
        f"{_WHERE} reports Xid {{{{ $labels.xid }}}}{{{{ with $labels.pod }}}}: look at pod {{{{ . }}}}{{{{ end }}}}",
        after=0,
        team=WHOSE_EVER,
        lasts=10 * MINUTE,
    ),
    Alert(
        "GpuEccError",
        f"max by ({_GPU}) (DCGM_FI_DEV_ECC_DBE_VOL_TOTAL) > 0",
        f"{_WHERE} has {{{{ $value }}}} memory errors that could not be corrected",
        after=0,
        severity="critical",
    ),
    Alert(
        "GpuIdle",
        f'max by ({_ITS_POD}) (DCGM_FI_DEV_GPU_UTIL{{pod!=""}}) < {_IDLE_PERCENT}',
        f"{_WHERE} is held by pod {{{{ $labels.pod }}}} and idle ({{{{ $value }}}} %)",
        after=30 * MINUTE,
        team=WHOSE_EVER,
    ),
    Alert(
        "GpuMemoryNearlyFull",
        f"max by ({_ITS_POD}) (DCGM_FI_DEV_FB_USED / (DCGM_FI_DEV_FB_USED + DCGM_FI_DEV_FB_FREE)) > {_FULL}",
        f"the memory of {_WHERE} is {{{{ $value | humanizePercentage }}}} full",
        after=10 * MINUTE,
        team=WHOSE_EVER,
    ),
    Alert(
        "GpuThrottled",
        f"floor(max by ({_GPU}) (DCGM_FI_DEV_CLOCK_THROTTLE_REASONS) / {_FIRST_THERMAL_BIT}) "
        f"% {_BOTH_THERMAL_BITS} > 0",
        f"{_WHERE} is slowed down by heat",
        after=10 * MINUTE,
    ),
    Alert(
        "GpuJobPending",
        GPUS_PENDING,
        f"pod {{{{ $labels.pod }}}} waits for {{{{ $value }}}} GPUs: {_WHY}",
        after=15 * MINUTE,
        team=OF_NAMESPACE,
    ),
    Alert(
        "GpusUnseen",
        f"{_OFFERED} - ({_MEASURED} or 0 * {_OFFERED}) > 0",
        "node {{ $labels.node }} offers {{ $value }} GPUs that nothing measures",
        after=15 * MINUTE,
    ),
)
