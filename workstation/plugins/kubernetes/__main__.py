"""Entry point of the plugin's process: `python -m workstation.plugins.kubernetes`."""

from .client import preload
from .plugin import KubernetesProvider

preload()
KubernetesProvider.main()
