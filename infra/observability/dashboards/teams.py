"""Resource usage by namespace. A team's namespace has the team's name; the platform's own is included."""

from infra.observability.dashboards.panel import Dashboard, Panel

_TEAM = "{{namespace}}"
_POD = '{namespace!="",pod!="",container=""}'
"""The series of the whole pod, which include its containers."""
_OWN = "and on (namespace) kube_pod_info"
"""Keeps the stack's namespaces only: the kubelet reports all, including those of other stacks."""

TEAMS = Dashboard(
    "ml-platform-teams",
    "Teams",
    "Resource usage and quota by namespace.",
    [
        Panel(
            "CPU",
            "short",
            {_TEAM: f"sum by (namespace) (rate(container_cpu_usage_seconds_total{_POD}[5m])) {_OWN}"},
            "Cores in use, average over five minutes.",
        ),
        Panel(
            "Memory",
            "bytes",
            {_TEAM: f"sum by (namespace) (container_memory_working_set_bytes{_POD}) {_OWN}"},
            "The working set, which the memory limit applies to.",
        ),
        Panel(
            "Pods running",
            "short",
            {_TEAM: 'sum by (namespace) (kube_pod_status_phase{phase="Running"})'},
            "Pods of servers and jobs.",
        ),
        Panel(
            "Pods pending",
            "short",
            {_TEAM: 'sum by (namespace) (kube_pod_status_phase{phase="Pending"})'},
            "Waiting for a node, an image or a volume.",
        ),
        Panel(
            "Quota used",
            "percentunit",
            {
                "{{namespace}} {{resource}}": (
                    'max by (namespace, resource) (kube_resourcequota{type="used"}) '
                    '/ max by (namespace, resource) (kube_resourcequota{type="hard"} > 0)'
                )
            },
            "At 100 %, the next pod that requests the resource is rejected.",
            kind="bars",
            whole=1,
        ),
        Panel(
            "CPU requested",
            "short",
            {_TEAM: 'sum by (namespace) (kube_pod_container_resource_requests{resource="cpu"})'},
            "The sum of CPU requests, including pods that have ended but are not deleted.",
        ),
    ],
)
