"""GPU pools: capacity, allocation, and the health of each GPU. Simulated GPUs are marked as such."""

from infra.catalogue.metrics import GPUS_FREE, GPUS_PENDING
from infra.observability.dashboards.panel import Dashboard, Panel, stat

_GPU = "{{node}} GPU {{gpu}} ({{kind}})"

_POOL = "label_ml_platform_io_pool"
_OF_POOL = f'* on (node) group_left ({_POOL}) kube_node_labels{{{_POOL}!=""}}'
_OFFERED = 'sum by (node) (kube_node_status_allocatable{resource="nvidia_com_gpu"})'


def _max(metric: str) -> str:
    return f"max by (node, gpu, simulated) ({metric})"


def _each(query: str) -> str:
    """Adds the label `kind`: real or simulated."""
    real = f'label_replace({query}, "kind", "real", "", "")'
    return f'label_replace({real}, "kind", "simulated", "simulated", "true")'


POOLS = Dashboard(
    "ml-platform-gpus",
    "GPU pools",
    "Metrics of simulated GPUs depend only on whether a pod holds them: pods are scheduled there but never executed.",
    [
        stat(
            "GPUs allocatable",
            'sum(kube_node_status_allocatable{resource="nvidia_com_gpu"}) or vector(0)',
            "On all nodes.",
        ),
        stat("GPUs free", f"sum({GPUS_FREE}) or vector(0)", "Not allocated to any pending or running pod."),
        stat("GPUs pending", f"sum({GPUS_PENDING}) or vector(0)", "Requested by pods that are not scheduled yet."),
        stat(
            "Simulated GPUs",
            'count(DCGM_FI_DEV_GPU_UTIL{simulated="true"}) or vector(0)',
            "The scheduler allocates them like real ones.",
        ),
        Panel(
            "GPUs by pool",
            "short",
            {
                f"{{{{{_POOL}}}}} in use": f"sum by ({_POOL}) (({_OFFERED} - {GPUS_FREE}) {_OF_POOL})",
                f"{{{{{_POOL}}}}} free": f"sum by ({_POOL}) ({GPUS_FREE} {_OF_POOL})",
            },
            "On the nodes that each pool currently has.",
        ),
        Panel(
            "GPUs by namespace",
            "short",
            {
                "{{namespace}}": (
                    'count by (namespace) (label_replace(DCGM_FI_DEV_GPU_UTIL, "namespace", "free", "namespace", ""))'
                )
            },
            "The namespace of a team has the team's name.",
        ),
        Panel(
            "Utilization",
            "percent",
            {_GPU: _each(_max("DCGM_FI_DEV_GPU_UTIL"))},
            "Percentage of time in which a kernel was running.",
            whole=100,
        ),
        Panel(
            "Memory in use",
            "percentunit",
            {_GPU: _each(f"{_max('DCGM_FI_DEV_FB_USED')} / {_max('DCGM_FI_DEV_FB_USED + DCGM_FI_DEV_FB_FREE')}")},
            "The used part of the GPU's memory.",
            whole=1,
        ),
        Panel(
            "Temperature",
            "celsius",
            {_GPU: _each(_max("DCGM_FI_DEV_GPU_TEMP"))},
            "GPUs lower their clocks before heat damages them.",
        ),
        Panel("Power", "watt", {_GPU: _each(_max("DCGM_FI_DEV_POWER_USAGE"))}, "The power draw of the board."),
        Panel(
            "Clock",
            "hertz",
            {_GPU: _each(f"1e6 * {_max('DCGM_FI_DEV_SM_CLOCK')}")},
            "The clock of the streaming multiprocessors; lower when a GPU is idle or too hot.",
        ),
        Panel(
            "Last Xid error",
            "short",
            {_GPU: _each(_max("DCGM_FI_DEV_XID_ERRORS"))},
            "The last Xid that the driver reported; 0 means none, 79 that the GPU has fallen off the bus.",
            kind="bars",
        ),
        Panel(
            "Uncorrectable memory errors",
            "short",
            {_GPU: _each(_max("DCGM_FI_DEV_ECC_DBE_VOL_TOTAL"))},
            "Double-bit errors since the driver was loaded; any is a reason to replace the GPU.",
            kind="bars",
        ),
    ],
)
