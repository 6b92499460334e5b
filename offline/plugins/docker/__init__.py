"""Stand-in for the `docker` plugin: the images, containers and volumes that the program declares, and no other types.

Reading order: `plugin.py` (which resource is whose); `image.py` with `context.py`, `build.py` and `progress.py`
(build and push); `container.py`; `volume.py`; `inputs.py` (supported inputs, defaults, differences); `engine.py` (the
connection, opened on first use: a preview needs no Docker). It connects to an engine of this machine only.
"""
