"""Who may do what with the pipeline's roles: `deploy_role/matrix.py`, row by row."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from tests.engine.deploy_role import page
from tests.engine.deploy_role.matrix import rows
from tests.engine.deploy_role.things import NEW_ROLE, WITHIN
from tests.engine.iam_evaluator import Request, allowed
from tests.engine.iam_evaluator.prod import PLACE, prod_role
from tests.engine.iam_evaluator.weaker import EVERYTHING, Weaken, refused, without_denials


@cache
def attempts() -> dict[str, tuple[Request, Weaken | None]]:
    return {f"{row.does} ({who})": each for row in rows() for who, each in row.requests().items()}


def test_every_row_is_decided_as_it_says() -> None:
    assert len(rows()) >= 60
    decided = allowed({name: request for name, (request, _) in attempts().items()})
    wrong = {name: passed for name, passed in decided.items() if passed != (attempts()[name][1] is None)}
    assert wrong == {}


def test_every_refusal_has_the_reason_that_it_says() -> None:
    refused({name: (request, reason) for name, (request, reason) in attempts().items() if reason is not None})


def test_the_pipeline_and_the_boundary_are_out_of_reach_even_where_a_deploy_may_everything_else() -> None:
    deploy = prod_role("ci-deploy")
    role = replace(deploy, own=(*deploy.own, EVERYTHING))
    own, policies = PLACE.role_arn("ci-deploy"), (PLACE.boundary, PLACE.iam_arn(f"policy/{PLACE.name}-ci-deploy-data"))
    versions = ("CreatePolicyVersion", "DeletePolicy", "DeletePolicyVersion", "SetDefaultPolicyVersion")
    changes = (
        "AttachRolePolicy",
        "DeleteRole",
        "PutRolePolicy",
        "UpdateAssumeRolePolicy",
        "PutRolePermissionsBoundary",
    )
    attempts = [
        *(role.asks(f"iam:{action}", NEW_ROLE, WITHIN) for action in changes if action.endswith("Boundary")),
        role.asks("iam:DeleteRolePermissionsBoundary", NEW_ROLE, WITHIN),
        *(role.asks(f"iam:{action}", policy) for policy in policies for action in versions),
        *(role.asks(f"iam:{action}", own, WITHIN) for action in changes),
    ]
    refused({f"{request.action} {request.resource}": (request, without_denials) for request in attempts})


def test_the_page_about_security_shows_the_matrix() -> None:
    assert page.table() in page.FILE.read_text(), "run: .venv/bin/python -m tests.engine.deploy_role.page"
