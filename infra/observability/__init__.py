"""Monitoring: Prometheus, Alertmanager, exporters, dashboards, Grafana and the status page."""
