"""What the cluster itself admits, so that `kubectl apply` can't go around the policy pack.

`rules` and `exceptions` are data, read by the pack too; `component` is what makes the cluster keep to them.
"""
