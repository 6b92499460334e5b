"""Who can take on which role of the prod stack: requests, decided by IAM's own rules."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from common import paths
from infra.catalogue.aws.names import GITHUB, GITHUB_AUDIENCE
from infra.foundation.aws.iam import github_trust
from tests.engine.iam_evaluator import Request, allowed
from tests.engine.iam_evaluator.prod import PLACE, prod_role, stack
from tests.engine.iam_evaluator.weaker import EVERYTHING, open_to, refused, without_condition
from tests.unit.components.recorder import created, inputs

ELSEWHERE = "999999999999"
PODS, EKS = "pods.eks.amazonaws.com", "eks.amazonaws.com"
PERSON = PLACE.iam_arn("user/someone")

ASSOCIATION = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
SERVICE_ACCOUNT = "kubernetes:core/v1:ServiceAccount"
CLUSTER, NAMESPACE, ACCOUNT = (
    f"aws:RequestTag/{tag}" for tag in ("eks-cluster-arn", "kubernetes-namespace", "kubernetes-service-account")
)


def pod(namespace: str, account: str) -> dict[str, str]:
    """What EKS says of a pod when it takes on a role for it."""
    return {
        CLUSTER: PLACE.cluster_arn,
        "aws:RequestTag/eks-cluster-name": PLACE.name,
        NAMESPACE: namespace,
        ACCOUNT: account,
        "aws:RequestTag/kubernetes-pod-name": "some-pod",
        "aws:RequestTag/kubernetes-pod-uid": "5c8b9f4e-0000-4000-8000-000000000000",
    }


def bound() -> dict[str, dict[str, str]]:
    """The roles of pods, and each one's own pod."""
    associations = {name: inputs(stack(), ASSOCIATION, name) for name in created(stack(), ASSOCIATION)}
    return {name: pod(each["namespace"], each["serviceAccount"]) for name, each in associations.items()}


def pods() -> list[dict[str, str]]:
    """A pod of every service account of the stack, and of each namespace's default one."""
    accounts = [inputs(stack(), SERVICE_ACCOUNT, name)["metadata"] for name in created(stack(), SERVICE_ACCOUNT)]
    named = {(each["namespace"], each["name"]) for each in accounts}
    return [pod(*each) for each in sorted(named | {(namespace, "default") for namespace, _ in named})]


def test_a_role_of_a_pod_takes_its_own_service_account() -> None:
    requests = {
        f"{action} {name}": prod_role(name).assumed_by(PODS, own, action)
        for name, own in bound().items()
        for action in ("sts:AssumeRole", "sts:TagSession")
    }
    assert requests
    assert allowed(requests) == dict.fromkeys(requests, True)


def test_no_service_account_takes_on_the_role_of_a_sibling() -> None:
    attempts = {
        f"{name} by {other[NAMESPACE]}/{other[ACCOUNT]}": (
            prod_role(name).assumed_by(PODS, other),
            without_condition(NAMESPACE, ACCOUNT),
        )
        for name, own in bound().items()
        for other in pods()
        if other != own
    }
    assert len(attempts) == len(bound()) * (len(pods()) - 1) > len(bound())
    refused(attempts)


def test_a_role_of_a_pod_takes_nobody_else() -> None:
    name, own = next(iter(bound().items()))
    taken, foreign = prod_role(name), PLACE.cluster_arn.replace(PLACE.account, ELSEWHERE)
    another_cluster = {CLUSTER: f"{PLACE.cluster_arn}-2"}
    refused(
        {
            "its account's namesake elsewhere": (
                taken.assumed_by(PODS, own | {NAMESPACE: "speech"}),
                without_condition(NAMESPACE),
            ),
            "another service account": (
                taken.assumed_by(PODS, own | {ACCOUNT: "default"}),
                without_condition(ACCOUNT),
            ),
            "another cluster": (taken.assumed_by(PODS, own | another_cluster), without_condition(CLUSTER)),
            "its cluster's namesake in another AWS account": (
                taken.assumed_by(PODS, own | {CLUSTER: foreign}),
                without_condition(CLUSTER),
            ),
            "a pod without tags": (taken.assumed_by(PODS, {}), without_condition(CLUSTER, NAMESPACE, ACCOUNT)),
            "an instance": (taken.assumed_by("ec2.amazonaws.com", own), open_to({"Service": "ec2.amazonaws.com"})),
            "a person who sets the tags": (taken.assumed_by(PERSON, own), open_to({"AWS": PERSON})),
        }
    )


def test_a_service_of_aws_acts_for_this_account_and_cluster_only() -> None:
    taken = prod_role("cluster")
    account, cluster = "aws:SourceAccount", "aws:SourceArn"
    own = {account: PLACE.account, cluster: PLACE.cluster_arn}
    another_cluster = {cluster: f"{PLACE.cluster_arn}-2"}
    assert allowed({"own": taken.assumed_by(EKS, own)}) == {"own": True}
    refused(
        {
            "another account": (taken.assumed_by(EKS, own | {account: ELSEWHERE}), without_condition(account)),
            "another cluster": (taken.assumed_by(EKS, own | another_cluster), without_condition(cluster)),
        }
    )


def test_no_person_takes_on_any_role_of_the_stack() -> None:
    roles = created(stack(), "aws:iam/role:Role")
    people = (PERSON, PERSON.replace(PLACE.account, ELSEWHERE))
    requests = {f"{name} by {person}": prod_role(name).assumed_by(person, {}) for name in roles for person in people}
    assert len(requests) == 2 * len(roles) > 0
    assert allowed(requests) == dict.fromkeys(requests, False)


OURS = "repo:example/ml-platform"
OCCASIONS = {"ci-preview": f"{OURS}:pull_request", "ci-deploy": f"{OURS}:environment:prod"}
"""What GitHub signs of a workflow; a pull request from a fork says the same as any other."""

SUBJECT, AUDIENCE = f"{GITHUB}:sub", f"{GITHUB}:aud"


def workflow(role: str, subject: str, audience: str | None = GITHUB_AUDIENCE, provider: str = GITHUB) -> Request:
    """A workflow takes on a role with its token."""
    claims = {SUBJECT: subject} | ({AUDIENCE: audience} if audience else {})
    principal = PLACE.iam_arn(f"oidc-provider/{provider}")
    return prod_role(role).assumed_by(principal, claims, "sts:AssumeRoleWithWebIdentity")


def test_a_workflow_takes_on_the_role_of_its_occasion() -> None:
    requests = {role: workflow(role, subject) for role, subject in OCCASIONS.items()}
    assert allowed(requests) == {"ci-preview": True, "ci-deploy": True}


def test_a_repository_whose_ids_github_signs_is_declared_with_them() -> None:
    """Its workflows come as `repo:owner@id/name@id:...`, and whoever takes over a name that became free does not."""
    own = "repo:example@12345/ml-platform@67890:environment:prod"
    subjects = {"ours": own, "another owner": own.replace("12345", "99999"), "no ids": OCCASIONS["ci-deploy"]}
    trust = json.loads(github_trust(PLACE, own))
    requests = {who: replace(workflow("ci-deploy", each), resource_policy=trust) for who, each in subjects.items()}
    assert allowed(requests) == {"ours": True, "another owner": False, "no ids": False}


@pytest.mark.parametrize("role", OCCASIONS)
def test_no_other_workflow_takes_on_a_role(role: str) -> None:
    own = OCCASIONS[role]
    subjects = {
        "another repository": own.replace("ml-platform", "other"),
        "a repository of a longer name": own.replace("ml-platform", "ml-platform-2"),
        "the repository of a fork": own.replace("example/", "someone/"),
        "a branch": f"{OURS}:ref:refs/heads/main",
        "another environment": f"{OURS}:environment:staging",
        **{f"the occasion of {other}": subject for other, subject in OCCASIONS.items() if other != role},
    }
    refused({who: (workflow(role, subject), without_condition(SUBJECT)) for who, subject in subjects.items()})
    stranger = "issuer.example"
    refused(
        {
            "a token without audience": (workflow(role, own, None), without_condition(AUDIENCE)),
            "a token for another audience": (workflow(role, own, "someone"), without_condition(AUDIENCE)),
            "another identity provider": (
                workflow(role, own, provider=stranger),
                open_to({"Federated": PLACE.iam_arn(f"oidc-provider/{stranger}")}),
            ),
        }
    )


def test_a_question_without_sense_is_an_error_and_no_refusal() -> None:
    taken, own = prod_role("cluster"), {"aws:SourceAccount": PLACE.account}
    for request, complaint in (
        (taken.assumed_by(EKS, own, "sts:AsumeRole"), "invalid.action"),
        (taken.assumed_by(EKS, own | {"sts:Nonsense": "1"}), "has no condition key sts:Nonsense"),
        (taken.asks("s3:GetObject", PLACE.bucket_arn("artifacts")), "no.resource.types"),
    ):
        with pytest.raises(AssertionError, match=complaint):
            allowed({"asked": request})


def test_the_administrators_role_of_the_docs_takes_the_people_it_names_with_mfa() -> None:
    page = (paths.REPOSITORY / "docs" / "aws.md").read_text()
    trust = json.loads(page.partition("--assume-role-policy-document '")[2].partition("'\n")[0])
    arn, mfa = PLACE.iam_arn("role/platform-admin"), "aws:MultiFactorAuthPresent"
    (alice, _) = trust["Statement"][0]["Principal"]["AWS"]

    def asked(who: str, present: str) -> Request:
        everything = (EVERYTHING,)
        return Request(who, "sts:AssumeRole", arn, PLACE.account, {mfa: present}, everything, resource_policy=trust)

    assert allowed({"alice": asked(alice, "true")}) == {"alice": True}
    refused(
        {
            "without MFA": (asked(alice, "false"), without_condition(mfa)),
            "somebody whom a policy allows everything": (asked(PERSON, "true"), open_to({"AWS": PERSON})),
        }
    )
