"""GPUs: how many there are, who holds them, and how they do. Simulated ones are named as such."""

from infra.catalogue.metrics import GPUS_FREE, GPUS_PENDING
from infra.observability.dashboards.panel import Dashboard, Panel, stat

_GPU = "{{node}} GPU {{gpu}} ({{kind}})"

_POOL = "label_ml_platform_io_pool"
_OF_POOL = f'* on (node) group_left ({_POOL}) kube_node_labels{{{_POOL}!=""}}'
_OFFERED = 'sum by (node) (kube_node_status_allocatable{resource="nvidia_com_gpu"})'


def _max(metric: str) -> str:
    return f"max by (node, gpu, simulated) ({metric})"


def _each(query: str) -> str:
    """By GPU, and whether it is a real one."""
    real = f'label_replace({query}, "kind", "real", "", "")'
    return f'label_replace({real}, "kind", "simulated", "simulated", "true")'


POOLS = Dashboard(
    "ml-platform-gpus",
    "GPU pools",
    "Values of a simulated GPU follow from whether a pod holds it: nothing is computed there.",
    [
        stat(
            "GPUs offered",
            'sum(kube_node_status_allocatable{resource="nvidia_com_gpu"}) or vector(0)',
            "By all nodes together.",
        ),
        stat("GPUs free", f"sum({GPUS_FREE}) or vector(0)", "Held by no pod that waits or runs."),
        stat("GPUs waited for", f"sum({GPUS_PENDING}) or vector(0)", "Asked for by pods that no node has taken yet."),
        stat(
            "Simulated GPUs",
            'count(DCGM_FI_DEV_GPU_UTIL{simulated="true"}) or vector(0)',
            "The scheduler fills them like any other.",
        ),
        Panel(
            "GPUs by pool",
            "short",
            {
                f"{{{{{_POOL}}}}} in use": f"sum by ({_POOL}) (({_OFFERED} - {GPUS_FREE}) {_OF_POOL})",
                f"{{{{{_POOL}}}}} free": f"sum by ({_POOL}) ({GPUS_FREE} {_OF_POOL})",
            },
            "Of the nodes that a pool has just now.",
        ),
        Panel(
            "Who holds GPUs",
            "short",
            {
                "{{namespace}}": (
                    'count by (namespace) (label_replace(DCGM_FI_DEV_GPU_UTIL, "namespace", "nobody", "namespace", ""))'
                )
            },
            "By namespace, which is the team's name.",
        ),
        Panel(
            "Utilization",
            "percent",
            {_GPU: _each(_max("DCGM_FI_DEV_GPU_UTIL"))},
            "The part of the time in which a kernel ran.",
            whole=100,
        ),
        Panel(
            "Memory in use",
            "percentunit",
            {_GPU: _each(f"{_max('DCGM_FI_DEV_FB_USED')} / {_max('DCGM_FI_DEV_FB_USED + DCGM_FI_DEV_FB_FREE')}")},
            "Of the GPU's own memory.",
            whole=1,
        ),
        Panel(
            "Temperature",
            "celsius",
            {_GPU: _each(_max("DCGM_FI_DEV_GPU_TEMP"))},
            "Clocks are held back long before a GPU is damaged.",
        ),
        Panel("Power", "watt", {_GPU: _each(_max("DCGM_FI_DEV_POWER_USAGE"))}, "What the board draws."),
        Panel(
            "Clock",
            "hertz",
            {_GPU: _each(f"1e6 * {_max('DCGM_FI_DEV_SM_CLOCK')}")},
            "Of the multiprocessors; it falls when a GPU is idle or too hot.",
        ),
        Panel(
            "Last Xid error",
            "short",
            {_GPU: _each(_max("DCGM_FI_DEV_XID_ERRORS"))},
            "The driver's number for the last error; 0: none. 79: the GPU has fallen off the bus.",
            kind="bars",
        ),
        Panel(
            "Uncorrected memory errors",
            "short",
            {_GPU: _each(_max("DCGM_FI_DEV_ECC_DBE_VOL_TOTAL"))},
            "Double-bit errors since the driver was loaded; any is a reason to replace the GPU.",
            kind="bars",
        ),
    ],
)
