"""Entry point of the plugin's process: `python -m workstation.plugins.kubernetes`."""

from .plugin import KubernetesProvider

KubernetesProvider.main()
