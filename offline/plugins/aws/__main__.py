"""The plugin's process."""

from offline.plugins.aws.plugin import AwsProvider

AwsProvider.main()
