"""Settings of the aws foundation and of node pools on it, with their rules."""
