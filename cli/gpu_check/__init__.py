"""Smoke tests of GPUs: a Job on each node of a pool, and what the last one found."""
