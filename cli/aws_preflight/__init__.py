"""What must hold in the AWS account before anything is made there: read-only questions, answered by findings."""

from cli.aws_preflight.check import check, examine
from cli.aws_preflight.finding import Finding

__all__ = ["Finding", "check", "examine"]
