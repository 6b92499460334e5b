"""Addresses and names of the local cluster; everything else asks here."""

NAME = "ml-platform"
CONTEXT = "ml-platform"
"""The kube context that a declaration names to run on this cluster."""

API_PORT = 6443
BRIDGE = "mlp0"
"""The pods' bridge; the node's own address is on it, since Kubernetes refuses loopback for a node."""

POD_CIDR = "10.244.0.0/16"
NODE_IP = "10.244.0.1"
SERVICE_CIDR = "10.96.0.0/16"
API_SERVICE_IP = "10.96.0.1"
DNS_DOMAIN = "cluster.local"
NODE_NAME = "workstation"

PROVISIONER = "ml-platform/local-volume"
STORAGE_CLASS = "local"
