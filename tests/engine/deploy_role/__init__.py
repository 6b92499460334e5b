"""What the pipeline's roles may do, and may not: a matrix of requests, decided by IAM's own rules."""
