"""The platform itself: nodes, volumes, monitoring, the tracking server and the registry."""

from infra.observability.dashboards.panel import Dashboard, Panel, stat

_UP = 'up{job!="training"}'
_FIRING = 'ALERTS{alertstate="firing",severity!="none"}'

OVERVIEW = Dashboard(
    "ml-platform-overview",
    "Platform",
    "Nodes, volumes and the platform's own components.",
    [
        stat(
            "Nodes ready",
            'sum(kube_node_status_condition{condition="Ready",status="true"})',
            "Nodes with the condition Ready, including simulated ones.",
        ),
        stat("Pods running", 'sum(kube_pod_status_phase{phase="Running"})', "In the stack's namespaces."),
        stat(
            "Targets up",
            f"sum({_UP}) / count({_UP})",
            "Scrape targets of Prometheus that are up, without training jobs: not all of them expose metrics.",
            unit="percentunit",
        ),
        stat(
            "Alerts firing",
            f"count({_FIRING}) or vector(0)",
            "Without the Watchdog heartbeat, which always fires.",
        ),
        Panel(
            "CPU in use",
            "percentunit",
            {"{{node}}": '1 - avg by (node) (rate(node_cpu_seconds_total{mode="idle"}[5m]))'},
            "Of all cores of a real node, average over five minutes.",
            whole=1,
        ),
        Panel(
            "Memory in use",
            "percentunit",
            {"{{node}}": "1 - min by (node) (node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes)"},
            "Memory that is not available to new processes without swapping.",
            whole=1,
        ),
        Panel(
            "Disk in use",
            "percentunit",
            {"{{node}}": "1 - min by (node) (node_filesystem_avail_bytes / node_filesystem_size_bytes)"},
            "The fullest file system of each node.",
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
            "Of each mounted persistent volume.",
            kind="bars",
            whole=1,
        ),
        Panel(
            "Container restarts",
            "short",
            {"{{namespace}}": "sum by (namespace) (increase(kube_pod_container_status_restarts_total[1h]))"},
            "Restarts in the past hour, by namespace.",
        ),
        Panel(
            "Alerts over time",
            "short",
            {"{{severity}}": 'count by (severity) (ALERTS{alertstate="firing"})'},
            "Firing alerts by severity. The heartbeat has severity none: if it is missing, rules are not evaluated.",
        ),
        Panel(
            "Targets up by job",
            "percentunit",
            {"{{job}}": f"avg by (job) ({_UP})"},
            "Below 100 %, metrics of a component are missing.",
            kind="bars",
            whole=1,
        ),
        Panel(
            "Tracking: requests",
            "reqps",
            {"{{route}}": 'sum by (route) (rate(tracking_requests_total{route!="health"}[5m]))'},
            "Requests to the tracking server, by route.",
        ),
        Panel(
            "Tracking: errors",
            "percentunit",
            {
                "failed": (
                    '(sum(rate(tracking_requests_total{route!="health",code=~"5.."}[5m])) or vector(0)) '
                    '/ sum(rate(tracking_requests_total{route!="health"}[5m]))'
                )
            },
            "Requests that the tracking server answers with 5xx.",
        ),
        Panel(
            "Tracking: latency",
            "s",
            {
                "{{route}}": (
                    "histogram_quantile(0.95, sum by (route, le) "
                    '(rate(tracking_request_duration_seconds_bucket{route!="health"}[5m])))'
                )
            },
            "95th percentile of the tracking server's request duration.",
        ),
        Panel(
            "Registry: requests",
            "reqps",
            {"{{method}} {{code}}": "sum by (method, code) (rate(registry_http_requests_total[5m]))"},
            "Pulls are GET, pushes are PUT and PATCH; the first request of a client without a token gets 401.",
        ),
        Panel(
            "Time series in memory",
            "short",
            {"series": "sum(prometheus_tsdb_head_series)"},
            "Active series in Prometheus's head block, which determine its memory usage.",
        ),
    ],
)
