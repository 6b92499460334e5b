"""One page that says how the platform is, asked of the cluster, Prometheus and Alertmanager each time anew."""
