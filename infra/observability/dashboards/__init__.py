"""What is drawn from Prometheus: five dashboards, for any Grafana and for the platform's own status page alike."""

from infra.observability.dashboards.grafana_json import DASHBOARDS, as_json
from infra.observability.dashboards.provision import DashboardFiles, DashboardFilesArgs

__all__ = ["DASHBOARDS", "DashboardFiles", "DashboardFilesArgs", "as_json"]
