"""`make status JOB=name`: why a run waits, in numbers: for its queue, for a node, or for what its pods need to start.

`cluster` reads the facts once; `in_queue`, `on_nodes` and `starting` find the cause in them; `explain` chooses between
these; `screen` prints the explanation.
"""
