"""The five dashboards, shown by Grafana and by the platform's status page."""

from infra.observability.dashboards.grafana_json import DASHBOARDS, as_json
from infra.observability.dashboards.provision import DashboardFiles, DashboardFilesArgs

__all__ = ["DASHBOARDS", "DashboardFiles", "DashboardFilesArgs", "as_json"]
