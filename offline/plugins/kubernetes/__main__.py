"""Entry point of the plugin's process: `python -m offline.plugins.kubernetes`."""

from .plugin import KubernetesProvider

KubernetesProvider.main()
