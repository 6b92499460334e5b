"""Checks that GitHub's workflows can log in: an account can have only one identity provider for GitHub."""

from collections.abc import Iterator
from typing import Any

from cli.aws_preflight.wanted import AWS, Client, Wanted
from cli.finding import Finding
from infra.catalogue.aws.names import GITHUB, GITHUB_AUDIENCE
from infra.catalogue.names import DOMAIN, PROJECT

_SETTING = f"{AWS}.ci.provider"


def github_has_one_identity_provider(client: Client, wanted: Wanted) -> Iterator[Finding]:
    """Either the account has none and the stack creates it, or the existing one is declared."""
    if wanted.aws.ci is None:
        return
    iam, declared = client("iam"), wanted.aws.ci.provider
    listed = [provider["Arn"] for provider in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]]
    there = next((arn for arn in listed if arn.endswith(f":oidc-provider/{GITHUB}")), None)
    if declared is None:
        if there is not None and not _is_ours(iam, there):
            taken = "the account has an identity provider for GitHub already, and can't have a second one"
            yield Finding(_SETTING, taken, f"write provider: {there}")
    elif there is None:
        yield Finding(_SETTING, f"'{declared}' does not exist", "remove the setting, so that the stack creates it")
    elif GITHUB_AUDIENCE not in iam.get_open_id_connect_provider(OpenIDConnectProviderArn=there)["ClientIDList"]:
        add = "aws iam add-client-id-to-open-id-connect-provider"
        yield Finding(
            _SETTING,
            f"'{declared}' does not accept tokens for the audience {GITHUB_AUDIENCE}",
            f"run: {add} --open-id-connect-provider-arn {there} --client-id {GITHUB_AUDIENCE}",
        )


def _is_ours(iam: Any, arn: str) -> bool:
    """Whether a stack of this project created it; `iam` is boto3's client."""
    tags = iam.list_open_id_connect_provider_tags(OpenIDConnectProviderArn=arn)["Tags"]
    return {"Key": f"{DOMAIN}/project", "Value": PROJECT} in tags
