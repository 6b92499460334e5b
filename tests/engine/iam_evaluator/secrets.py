"""Secrets of the account: the stack's, its database's, and those of others."""

from __future__ import annotations

from collections.abc import Mapping

from tests.engine.iam_evaluator import Context, Request
from tests.engine.iam_evaluator.prod import PLACE, prod_role

LOGIN = "rds!db-1"
"""What RDS calls the login of a database, so that only a tag says whose it is."""
_OWNER = "aws:ResourceTag/aws:rds:primaryDBInstanceArn"
OWN_DATABASE = {_OWNER: PLACE.arn("rds", f"db:{PLACE.name}-tracking")}
FOREIGN_SECRETS: Mapping[str, tuple[str, Context]] = {
    "the login of a foreign database": (LOGIN, {_OWNER: PLACE.arn("rds", "db:someone-else")}),
    "a foreign secret": ("someone-else/token-AbCdEf", {}),
    "the secret of a stack whose name begins alike": (f"{PLACE.name}-eu/vision/token-AbCdEf", {}),
}


def reading_secret(name: str, secret: str, context: Context) -> Request:
    """The value of a secret, by a role of the stack."""
    arn = PLACE.arn("secretsmanager", f"secret:{secret}")
    return prod_role(name).asks("secretsmanager:GetSecretValue", arn, context)
