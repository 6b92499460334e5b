"""The plugin's process."""

from workstation.plugins.aws.plugin import AwsProvider

AwsProvider.main()
