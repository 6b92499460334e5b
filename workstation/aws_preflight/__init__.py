"""What must hold in the AWS account before anything is made there: read-only questions, answered by findings."""

from workstation.aws_preflight.check import check, examine
from workstation.aws_preflight.finding import Finding

__all__ = ["Finding", "check", "examine"]
