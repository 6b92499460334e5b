"""The local cluster: a real control plane, one real node, and room for simulated ones."""
