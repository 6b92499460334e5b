"""Read-only checks of the AWS account before a deployment."""

from cli.aws_preflight.check import check, examine
from cli.finding import Finding

__all__ = ["Finding", "check", "examine"]
