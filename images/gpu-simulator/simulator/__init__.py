"""GPUs of simulated nodes, as NVIDIA's DCGM exporter would show them."""
