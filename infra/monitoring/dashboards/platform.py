"""Whether the platform itself is well: its nodes, its volumes, and what looks after them."""

from infra.monitoring.dashboards.panel import Dashboard, Panel, stat

_FIRING = 'ALERTS{alertstate="firing",severity!="none"}'

OVERVIEW = Dashboard(
    "ml-platform-overview",
    "Platform",
    "Nodes, volumes and the parts of the platform itself.",
    [
        stat(
            "Nodes ready",
            'sum(kube_node_status_condition{condition="Ready",status="true"})',
            "Nodes that take pods, simulated ones included.",
        ),
        stat("Pods running", 'sum(kube_pod_status_phase{phase="Running"})', "In all namespaces that are watched."),
        stat(
            "Targets that answer",
            "sum(up) / count(up)",
            "Of everything that Prometheus asks for metrics.",
            unit="percentunit",
        ),
        stat(
            "Alerts firing",
            f"count({_FIRING}) or vector(0)",
            "Without the one that always fires as a sign of life.",
        ),
        Panel(
            "CPU in use",
            "percentunit",
            {"{{node}}": '1 - avg by (node) (rate(node_cpu_seconds_total{mode="idle"}[5m]))'},
            "Of all cores of a real node, over five minutes.",
            whole=1,
        ),
        Panel(
            "Memory in use",
            "percentunit",
            {"{{node}}": "1 - min by (node) (node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes)"},
            "What can't be given to a new process without swapping.",
            whole=1,
        ),
        Panel(
            "Disk in use",
            "percentunit",
            {"{{node}}": "1 - min by (node) (node_filesystem_avail_bytes / node_filesystem_size_bytes)"},
            "The fullest file system of a node.",
            whole=1,
        ),
        Panel(
            "Volumes in use",
            "percentunit",
            {
                "{{namespace}}/{{persistentvolumeclaim}}": (
                    "1 - min by (namespace, persistentvolumeclaim) "
                    "(kubelet_volume_stats_available_bytes / kubelet_volume_stats_capacity_bytes) "
                    "and on (namespace) kube_pod_info"
                )
            },
            "Of each volume that a pod has mounted.",
            kind="bars",
            whole=1,
        ),
        Panel(
            "Restarts in an hour",
            "short",
            {"{{namespace}}": "sum by (namespace) (increase(kube_pod_container_status_restarts_total[1h]))"},
            "Of containers, by namespace: one that crashes again and again shows here first.",
        ),
        Panel(
            "Alerts over time",
            "short",
            {"{{severity}}": 'count by (severity) (ALERTS{alertstate="firing"})'},
            "Those of severity none always fire: their absence would mean that nothing is evaluated.",
        ),
        Panel(
            "Answering targets",
            "percentunit",
            {"{{job}}": "avg by (job) (up)"},
            "By what they are; below 100 % some part of the platform says nothing about itself.",
            kind="bars",
            whole=1,
        ),
        Panel(
            "Time series in memory",
            "short",
            {"series": "sum(prometheus_tsdb_head_series)"},
            "What Prometheus's own memory mostly depends on.",
        ),
    ],
)
