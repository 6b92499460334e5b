"""CPU and memory of what the platform runs on each node: an instance has that much less for other pods."""

NODE_EXPORTER = {"cpu": "25m", "memory": "48Mi"}
"""On every node."""
LOG_COLLECTOR = {"cpu": "25m", "memory": "64Mi"}
"""On every node, where `monitoring.logs` is declared."""
GPU_EXPORTER = {"cpu": "100m", "memory": "512Mi"}
"""On nodes with GPUs."""
DEVICE_PLUGIN = {"cpu": "50m", "memory": "64Mi"}
"""On nodes of pools with `devicePlugin`."""

PODS_OF_A_NODE = 110
"""The kubelet's default, which EKS Auto Mode and simulated nodes have, too."""
