"""Checks that a node's GPUs compute: driver, container toolkit, framework, a product of matrices."""
