"""What is asked for metrics, by the name that `up` has for it."""

from infra.catalogue import images

KUBE_STATE_METRICS, GPU_EXPORTER = images.KUBE_STATE_METRICS, images.DCGM_EXPORTER
NODE_EXPORTER = "node-exporter"
KUBELET, CADVISOR = "kubelet", "cadvisor"
"""The second is a part of the first, with metrics of its own."""
