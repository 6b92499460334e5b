"""The `kubernetes` provider plugin for machines that can't download the official one.

Reading order: `plugin.py` (what the engine asks for), `objects.py` and `changes.py` (inputs, state and their
differences, without any cluster), `cluster.py` and `operations.py` (the API), `waits/` (when an object is ready).
"""
