"""Alerts on GPU faults, GPU use, pods that wait for GPUs, and GPUs without metrics. Metric names are DCGM's.

Fault alerts are aggregated by GPU: the pod that holds it and the exporter that reports it may change while they fire.
"""

from __future__ import annotations

from infra.catalogue.alerts.alert import (
    MINUTE,
    OF_NAMESPACE,
    OF_NAMESPACE_OR_PLATFORM,
    THRESHOLD,
    Alert,
    Recording,
    Threshold,
)
from infra.catalogue.metrics import GPUS_FREE, GPUS_PENDING, RUN_GPUS

_FIRST_THERMAL_BIT, _BOTH_THERMAL_BITS = 32, 4
"""Throttle reasons: 0x20 is the driver's thermal slowdown, 0x40 the hardware's."""
_REQUESTS = "kube_pod_container_resource_requests"
_UNSCHEDULED = f'max by (namespace, pod, container) ({_REQUESTS}{{resource="nvidia_com_gpu",node=""}})'
_SCHEDULED = f'max by (namespace, pod, container, node) ({_REQUESTS}{{resource="nvidia_com_gpu",node!=""}})'
_ALLOCATABLE = 'max by (node) (kube_node_status_allocatable{resource="nvidia_com_gpu"})'
_MEASURED = "count by (node) (count by (node, gpu) (DCGM_FI_DEV_GPU_UTIL))"
_ACTIVE_PODS = 'kube_pod_status_phase{phase=~"Pending|Running"} == 1'
_WHERE = "GPU {{ $labels.gpu }} of node {{ $labels.node }}"
_GPU = "node, gpu, UUID, simulated"
_GPU_AND_POD = f"{_GPU}, namespace, pod"
_WHY = (
    f'{{{{ with printf "max({GPUS_FREE}) >= %f" $value | query }}}}GPUs are free, but not on a node that it can use'
    "{{ else }}no node has that many GPUs free{{ end }}"
)
"""Part of the summary, not a label: a changed label would restart the `for` duration."""

HARDWARE_XIDS = (46, 48, 62, 63, 64, 74, 79, 92, 94, 95, 119, 120, 140)
"""Xids of the hardware, its memory, its links and its firmware, in NVIDIA's catalog:
https://docs.nvidia.com/deploy/xid-errors/analyzing-xid-catalog.html. All others begin with the program that ran."""
_HARDWARE_XIDS = "|".join(map(str, HARDWARE_XIDS))
_PROGRAM_XIDS = f'DCGM_EXP_XID_ERRORS_COUNT{{xid!="",xid!~"{_HARDWARE_XIDS}"}}'
_COUNT = f"max by ({_GPU}, xid) ({_PROGRAM_XIDS})"
_NEW = f"({_COUNT} > (max by ({_GPU}, xid) (max_over_time({_PROGRAM_XIDS}[5m] offset 90s)) or 0 * {_COUNT}))"
"""The offset of 90s keeps an increase visible at the longest scrape interval."""
_BUSIEST_POD = f'topk by ({_GPU}) (1, max by ({_GPU_AND_POD}) (max_over_time(DCGM_FI_DEV_GPU_UTIL{{pod!=""}}[5m])))'
"""The error often ends the pod before a scrape sees both together, so the last five minutes count."""


RECORDINGS = (
    Recording(
        GPUS_FREE,
        f"{_ALLOCATABLE} - (sum by (node) ({_SCHEDULED} and on (namespace, pod) ({_ACTIVE_PODS})) "
        f"or 0 * {_ALLOCATABLE})",
    ),
    Recording(
        GPUS_PENDING,
        f"sum by (namespace, pod) ({_UNSCHEDULED} and on (namespace, pod) "
        'kube_pod_status_phase{phase="Pending"} == 1)',
    ),
)

ALERTS = (
    Alert(
        "GpuXidError",
        f'max by ({_GPU}, xid) (DCGM_EXP_XID_ERRORS_COUNT{{xid=~"{_HARDWARE_XIDS}"}}) > 0',
        f"{_WHERE} reports Xid {{{{ $labels.xid }}}}",
        for_=0,
        severity="critical",
    ),
    Alert(
        "GpuProgramXid",
        f"{_NEW} + on ({_GPU}) group_left (namespace, pod) 0 * {_BUSIEST_POD} or on ({_GPU}) {_NEW}",
        f"{_WHERE} reports Xid {{{{ $labels.xid }}}}{{{{ with $labels.pod }}}}: check pod {{{{ . }}}}{{{{ end }}}}",
        for_=0,
        team=OF_NAMESPACE_OR_PLATFORM,
        keep_firing_for=10 * MINUTE,
    ),
    Alert(
        "GpuEccError",
        f"max by ({_GPU}) (DCGM_FI_DEV_ECC_DBE_VOL_TOTAL) > 0",
        f"{_WHERE} has {{{{ $value }}}} uncorrectable memory errors",
        for_=0,
        severity="critical",
    ),
    Alert(
        "GpuIdle",
        # A run whose job declares `idle` has an alert of its own.
        f'max by ({_GPU_AND_POD}) (DCGM_FI_DEV_GPU_UTIL{{pod!=""}}) < {THRESHOLD} '
        f"unless on (namespace, pod) {RUN_GPUS}",
        f"{_WHERE} is allocated to pod {{{{ $labels.pod }}}} and idle (utilization {{{{ $value }}}} %)",
        for_=30 * MINUTE,
        team=OF_NAMESPACE_OR_PLATFORM,
        threshold=Threshold(5, "percent", "GPU utilization"),
    ),
    Alert(
        "GpuMemoryNearlyFull",
        f"max by ({_GPU_AND_POD}) (DCGM_FI_DEV_FB_USED / (DCGM_FI_DEV_FB_USED + DCGM_FI_DEV_FB_FREE)) > {THRESHOLD}",
        f"the memory of {_WHERE} is {{{{ $value | humanizePercentage }}}} full",
        for_=10 * MINUTE,
        team=OF_NAMESPACE_OR_PLATFORM,
        threshold=Threshold(0.95, "ratio", "GPU memory in use"),
    ),
    Alert(
        "GpuThrottled",
        f"floor(max by ({_GPU}) (DCGM_FI_DEV_CLOCK_THROTTLE_REASONS) / {_FIRST_THERMAL_BIT}) "
        f"% {_BOTH_THERMAL_BITS} > 0",
        f"{_WHERE} is thermally throttled",
        for_=10 * MINUTE,
    ),
    Alert(
        "GpuJobPending",
        GPUS_PENDING,
        f"pod {{{{ $labels.pod }}}} is pending and requests {{{{ $value }}}} GPUs: {_WHY}",
        for_=15 * MINUTE,
        team=OF_NAMESPACE,
    ),
    Alert(
        "GpusUnseen",
        f"{_ALLOCATABLE} - ({_MEASURED} or 0 * {_ALLOCATABLE}) > 0",
        "node {{ $labels.node }} has {{ $value }} allocatable GPUs without metrics",
        for_=15 * MINUTE,
    ),
)
