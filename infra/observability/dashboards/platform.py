"""Whether the platform itself is well: its nodes, its volumes, and what looks after them."""

from infra.observability.dashboards.panel import Dashboard, Panel, stat

_UP = 'up{job!="training"}'
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
            f"sum({_UP}) / count({_UP})",
            "Of everything that Prometheus asks for metrics, but for jobs: not all of them tell something.",
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
            {"{{job}}": f"avg by (job) ({_UP})"},
            "By what they are; below 100 % some part of the platform says nothing about itself.",
            kind="bars",
            whole=1,
        ),
        Panel(
            "Tracking: requests",
            "reqps",
            {"{{route}}": 'sum by (route) (rate(tracking_requests_total{route!="health"}[5m]))'},
            "To the tracking server, by what they are about.",
        ),
        Panel(
            "Tracking: requests failed",
            "percentunit",
            {
                "failed": (
                    '(sum(rate(tracking_requests_total{route!="health",code=~"5.."}[5m])) or vector(0)) '
                    '/ sum(rate(tracking_requests_total{route!="health"}[5m]))'
                )
            },
            "By the tracking server itself; refusals don't count.",
        ),
        Panel(
            "Tracking: time to answer",
            "s",
            {
                "{{route}}": (
                    "histogram_quantile(0.95, sum by (route, le) "
                    '(rate(tracking_request_duration_seconds_bucket{route!="health"}[5m])))'
                )
            },
            "95 of 100 answers of the tracking server are faster.",
        ),
        Panel(
            "Registry: requests",
            "reqps",
            {"{{method}} {{code}}": "sum by (method, code) (rate(registry_http_requests_total[5m]))"},
            "Pulls are get, pushes are put and patch; without a login each first answer is 401.",
        ),
        Panel(
            "Time series in memory",
            "short",
            {"series": "sum(prometheus_tsdb_head_series)"},
            "What Prometheus's own memory mostly depends on.",
        ),
    ],
)
