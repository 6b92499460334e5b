"""Addresses and names of the local cluster."""

CONTEXT = "ml-platform"
"""The kube context of this cluster."""

API_PORT = 6443
ETCD_PORT, ETCD_PEER_PORT = 2379, 2380
BRIDGE = "mlp0"
"""The pods' bridge. It has the node's address, since Kubernetes refuses a loopback address for a node."""

POD_CIDR = "10.244.0.0/16"
NODE_IP = "10.244.0.1"
SERVICE_CIDR = "10.96.0.0/16"
API_SERVICE_IP = "10.96.0.1"
DNS_DOMAIN = "cluster.local"
NODE_NAME = "local-node"
POD_LOGS = "/var/log/ml-platform-pods"
"""A link to the folder in which the kubelet keeps the logs of pods. `infra` defines it, too."""

PROVISIONER = "ml-platform/local-volume"
STORAGE_CLASS = "local"
