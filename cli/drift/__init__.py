"""Drift: what differs between a stack's state and the objects that exist. Nothing is changed."""
