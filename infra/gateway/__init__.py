"""The way in from outside the cluster: the Gateway API, by Envoy Gateway."""
