"""`make plan` by the real scheduler and Kueue, in a control plane of its own, on nodes that run nothing.

`manifests` has the objects, `api` sends them, `scheduling` and `admission` wait until the scheduler and Kueue have
decided about them, `course` is the order of events, and `examine` makes the report.
"""
