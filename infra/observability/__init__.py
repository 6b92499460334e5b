"""Prometheus, what it looks at, what it says and to whom.

`metrics`, `alerts` and `rules` are data that the declaration is checked against; `component` makes the cluster run it.
"""
