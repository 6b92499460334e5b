"""Stops runs whose GPUs are idle, where their job declares it."""
