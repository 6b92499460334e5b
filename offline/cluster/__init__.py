"""The local cluster: a real control plane, one real node, and simulated nodes."""
