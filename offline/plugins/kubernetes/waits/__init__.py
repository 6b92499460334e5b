"""When an object counts as ready, what to show meanwhile, and why it is not: one file a family of kinds.

`loop.py` waits; the others look. Looking never waits and never writes, so `refresh` uses the same judgement.
"""
