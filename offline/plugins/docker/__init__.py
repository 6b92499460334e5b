"""Stand-in for the `docker` plugin: images, containers, networks and volumes through the official Python client.

Reading order: `plugin.py` (which resource is whose); `image.py` with `context.py`, `build.py` and `progress.py`
(building and pushing); `container.py` with `container_spec.py` and `container_state.py`; one file for each of the
other resources; `inputs.py` (defaults and differences); `engine.py` (the connection, made on first use only: a preview
needs no Docker).
"""
