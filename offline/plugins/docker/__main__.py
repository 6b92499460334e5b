"""The plugin's process."""

from offline.plugins.docker.plugin import DockerProvider

DockerProvider.main()
