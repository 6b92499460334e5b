"""What each team uses. A team's namespace has the team's name; the platform's own is among them."""

from infra.observability.dashboards.panel import Dashboard, Panel

_TEAM = "{{namespace}}"
_POD = '{namespace!="",pod!="",container=""}'
"""A pod as a whole: its containers are counted in it."""
_OWN = "and on (namespace) kube_pod_info"
"""A node tells of all namespaces, those of other stacks included."""

TEAMS = Dashboard(
    "ml-platform-teams",
    "Teams",
    "Use by namespace, and how much of its quota a team has taken.",
    [
        Panel(
            "CPU",
            "short",
            {_TEAM: f"sum by (namespace) (rate(container_cpu_usage_seconds_total{_POD}[5m])) {_OWN}"},
            "Cores in use, over five minutes.",
        ),
        Panel(
            "Memory",
            "bytes",
            {_TEAM: f"sum by (namespace) (container_memory_working_set_bytes{_POD}) {_OWN}"},
            "What a limit is compared with.",
        ),
        Panel(
            "Pods running",
            "short",
            {_TEAM: 'sum by (namespace) (kube_pod_status_phase{phase="Running"})'},
            "Servers and jobs alike.",
        ),
        Panel(
            "Pods waiting",
            "short",
            {_TEAM: 'sum by (namespace) (kube_pod_status_phase{phase="Pending"})'},
            "For a place, an image or a volume.",
        ),
        Panel(
            "Quota taken",
            "percentunit",
            {
                "{{namespace}} {{resource}}": (
                    'max by (namespace, resource) (kube_resourcequota{type="used"}) '
                    '/ max by (namespace, resource) (kube_resourcequota{type="hard"} > 0)'
                )
            },
            "At 100 % the next pod that asks for it is refused.",
            kind="bars",
            whole=1,
        ),
        Panel(
            "CPU asked for",
            "short",
            {_TEAM: 'sum by (namespace) (kube_pod_container_resource_requests{resource="cpu"})'},
            "Cores that pods have reserved, those that have ended included until they are removed.",
        ),
    ],
)
