"""Read-only checks of the AWS account before a deployment."""

from cli.aws_preflight.check import check, examine
from cli.aws_preflight.finding import Finding

__all__ = ["Finding", "check", "examine"]
