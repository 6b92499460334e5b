"""Puts the platform's dashboards into a Grafana through its HTTP API."""
