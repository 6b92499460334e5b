"""CPU and memory of what the platform runs on each node: an instance has that much less for other pods."""

NODE_EXPORTER = {"cpu": "25m", "memory": "48Mi"}
"""On every node."""
GPU_EXPORTER = {"cpu": "100m", "memory": "512Mi"}
"""On nodes with GPUs."""
