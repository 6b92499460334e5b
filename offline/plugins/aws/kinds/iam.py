"""Roles, their policies, and identity providers."""

from __future__ import annotations

from offline.plugins.aws.kind import Change, Kind, Lookup, Name, Step, Text
from offline.plugins.aws.tagging import IAM_OIDC, IAM_POLICY, IAM_ROLE
from offline.plugins.marshal import Bag


def _trust(change: Change) -> list[Bag]:
    return [{"RoleName": change.id, "PolicyDocument": change.new["assumeRolePolicy"]}]


def _boundary(change: Change) -> list[Bag]:
    boundary = change.new.get("permissionsBoundary")
    return [{"RoleName": change.id, "PermissionsBoundary": boundary}] if boundary else []


def _boundary_gone(change: Change) -> list[Bag]:
    gone = change.old.get("permissionsBoundary") and not change.new.get("permissionsBoundary")
    return [{"RoleName": change.id}] if gone else []


ROLE = Kind(
    "aws:iam/role:Role",
    "iam",
    Step("CreateRole"),
    "{name}",
    Lookup("GetRole", {"RoleName": "{id}"}, "Role"),
    updates=(
        Step("UpdateAssumeRolePolicy", ("assumeRolePolicy",), build=_trust),
        Step("UpdateRole", ("description", "maxSessionDuration"), {"RoleName": "{id}"}),
        Step("PutRolePermissionsBoundary", ("permissionsBoundary",), build=_boundary),
        Step("DeleteRolePermissionsBoundary", ("permissionsBoundary",), build=_boundary_gone),
    ),
    delete=(Step("DeleteRole", arguments={"RoleName": "{id}"}),),
    replaces=frozenset({"namePrefix", "path"}),
    outputs={"arn": "Arn", "createDate": "CreateDate", "uniqueId": "RoleId"},
    names={"name": "RoleName", "assumeRolePolicy": "AssumeRolePolicyDocument"},
    defaults={"forceDetachPolicies": False, "maxSessionDuration": 3600, "path": "/"},
    name=Name(longest=64),
    local=frozenset({"forceDetachPolicies"}),
    unread=frozenset({"permissionsBoundary"}),
    tagging=IAM_ROLE,
    regional=False,
)

ROLE_POLICY = Kind(
    "aws:iam/rolePolicy:RolePolicy",
    "iam",
    Step("PutRolePolicy"),
    "{role}:{name}",
    Lookup("GetRolePolicy", {"RoleName": "{role}", "PolicyName": "{name}"}),
    updates=(Step("PutRolePolicy", ("role", "name", "policy")),),
    delete=(Step("DeleteRolePolicy", arguments={"RoleName": "{role}", "PolicyName": "{name}"}),),
    replaces=frozenset({"role", "namePrefix"}),
    names={"role": "RoleName", "name": "PolicyName", "policy": "PolicyDocument"},
    name=Name(),
    regional=False,
)

ATTACHMENT = Kind(
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    "iam",
    Step("AttachRolePolicy"),
    "{role}/{policyArn}",
    Lookup("ListAttachedRolePolicies", {"RoleName": "{role}"}),
    delete=(Step("DetachRolePolicy", arguments={"RoleName": "{role}", "PolicyArn": "{policyArn}"}),),
    replaces=frozenset({"role", "policyArn"}),
    names={"role": "RoleName"},
    regional=False,
    delete_before_replace=True,
    empty=lambda found, wanted: wanted["policyArn"] not in [item["PolicyArn"] for item in found["AttachedPolicies"]],
)

PROVIDER = Kind(
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider",
    "iam",
    Step("CreateOpenIDConnectProvider"),
    "OpenIDConnectProviderArn",
    Lookup("GetOpenIDConnectProvider", {"OpenIDConnectProviderArn": "{id}"}),
    updates=(
        Step("UpdateOpenIDConnectProviderThumbprint", ("thumbprintLists",), {"OpenIDConnectProviderArn": "{id}"}),
    ),
    delete=(Step("DeleteOpenIDConnectProvider", arguments={"OpenIDConnectProviderArn": "{id}"}),),
    replaces=frozenset({"url"}),
    outputs={"arn": Text("{id}"), "thumbprintLists": "ThumbprintList"},
    names={"clientIdLists": "ClientIDList", "thumbprintLists": "ThumbprintList"},
    unread=frozenset({"url"}),
    tagging=IAM_OIDC,
    regional=False,
)


def _new_version(change: Change) -> list[Bag]:
    return [{"PolicyArn": change.id, "PolicyDocument": change.new["policy"], "SetAsDefault": True}]


POLICY = Kind(
    "aws:iam/policy:Policy",
    "iam",
    Step("CreatePolicy"),
    "Policy.Arn",
    Lookup("GetPolicy", {"PolicyArn": "{id}"}, "Policy"),
    updates=(Step("CreatePolicyVersion", ("policy",), build=_new_version),),
    delete=(Step("DeletePolicy", arguments={"PolicyArn": "{id}"}),),
    replaces=frozenset({"name", "namePrefix", "path", "description"}),
    outputs={"arn": "Arn", "policyId": "PolicyId", "attachmentCount": "AttachmentCount"},
    names={"name": "PolicyName", "policy": "PolicyDocument"},
    defaults={"path": "/"},
    name=Name(longest=128),
    unread=frozenset({"policy"}),
    tagging=IAM_POLICY,
    regional=False,
)

KINDS = (POLICY, ROLE, ROLE_POLICY, ATTACHMENT, PROVIDER)
