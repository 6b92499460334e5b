"""The plugin's process."""

from workstation.plugins.docker.plugin import DockerProvider

DockerProvider.main()
