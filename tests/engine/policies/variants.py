"""What is like a policy's case: by name, the thing itself and the rule that refuses it, if there is one."""
# ruff: noqa: E501 - a variant is one line

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infra.catalogue.pod_manifests import Manifest, container, pod

ACCOUNT = "123456789012"
"""The declared one."""
DIGEST = "sha256:" + "0" * 64
ECR = f"{ACCOUNT}.dkr.ecr.eu-central-1.amazonaws.com"
GPU = {"cpu": "1", "memory": "1Gi", "nvidia.com/gpu": "1"}
GPUS = {"resources": {"requests": GPU, "limits": GPU}}
VISIBLE = {"name": "NVIDIA_VISIBLE_DEVICES", "value": "all"}


def env(name: str, value: str) -> Manifest:
    return pod({"env": [{"name": name, "value": value}]})


def from_elsewhere(name: str, **source: Any) -> Manifest:
    return pod({"env": [{"name": name, "valueFrom": source}]})


def beside(kind: str, **changes: Any) -> Manifest:
    """The good pod with another container."""
    return pod(spec={kind: [container(name="other", **changes)]})


PODS: Mapping[str, tuple[Manifest, str | None]] = {
    "digest-of-the-account": (pod({"image": f"{ECR}/ml-platform-prod/serving@{DIGEST}"}), None),
    "tag-of-the-own-registry": (pod({"image": "127.0.0.1:5000/ml-platform/serving:latest"}), "images-by-digest"),
    "digest-from-elsewhere": (pod({"image": f"docker.io/library/python@{DIGEST}"}), "images-by-digest"),
    "registry-in-the-middle": (pod({"image": f"docker.io/127.0.0.1:5000/serving@{DIGEST}"}), "images-by-digest"),
    "repository-of-others": (pod({"image": f"127.0.0.1:5000/somebody/serving@{DIGEST}"}), "images-by-digest"),
    "copy-of-what-others-publish": (pod({"image": f"{ECR}/ml-platform-prod/ecr-public/python@{DIGEST}"}), "images-by-digest"),
    "copy-on-the-machine": (pod({"image": f"127.0.0.1:5000/ml-platform/docker-hub/library/python@{DIGEST}"}), "images-by-digest"),
    "image-as-a-volume": (pod(spec={"volumes": [{"name": "data", "image": {"reference": "docker.io/library/python:3.12"}}]}), "images-by-digest"),
    "own-image-as-a-volume": (pod(spec={"volumes": [{"name": "data", "image": {"reference": f"127.0.0.1:5000/ml-platform/data@{DIGEST}"}}]}), None),
    "image-of-an-init-container": (beside("initContainers", image="busybox"), "images-by-digest"),
    "user-of-number-nought": (pod({"securityContext": {"runAsUser": 0}}), "no-root-containers"),
    "container-beats-its-pod": (pod({"securityContext": {"runAsUser": 1000}}, {"securityContext": {"runAsNonRoot": True, "runAsUser": 0}}), None),
    "nobody-says-who": (pod(spec={"securityContext": {}}), "no-root-containers"),
    "privileged-init-container": (beside("initContainers", securityContext={"privileged": True, "allowPrivilegeEscalation": True}), "no-privileged-containers"),
    "processes-of-the-node": (pod(spec={"hostPID": True}), "no-host-namespaces"),
    "memory-of-the-node": (pod(spec={"hostIPC": True}), "no-host-namespaces"),
    "volume-over-iscsi": (pod(spec={"volumes": [{"name": "data", "iscsi": {"targetPortal": "nowhere", "iqn": "iqn.2026-01.io.ml-platform:a", "lun": 0}}]}), "volumes-of-the-cluster"),
    "volume-of-several-things": (pod(spec={"volumes": [{"name": "data", "projected": {"sources": [{"configMap": {"name": "a"}}]}}]}), None),
    "capabilities-by-default": (pod({"securityContext": {"capabilities": {}}}), "no-capabilities"),
    "init-container-with-a-capability": (beside("initContainers", securityContext={"capabilities": {"drop": ["ALL"], "add": ["NET_RAW"]}}), "no-capabilities"),
    "escalation-by-default": (pod({"securityContext": {"allowPrivilegeEscalation": None}}), "no-privilege-escalation"),
    "no-profile-anywhere": (pod({"securityContext": {"seccompProfile": None}}), "seccomp-profiles"),
    "profile-of-the-pod": (pod({"securityContext": {"seccompProfile": None}}, {"securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}}), None),
    "limits-without-memory": (pod({"resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "1"}}}), "requests-and-limits"),
    "init-container-without-any": (beside("initContainers", resources={}), "requests-and-limits"),
    "debug-container-without-any": (beside("ephemeralContainers", resources=None), None),
    "gpu-of-another-taint": (pod(GPUS, {"tolerations": [{"key": "team", "operator": "Exists"}]}), "gpus-with-limits-and-tolerations"),
    "gpu-for-whoever-goes-anywhere": (pod(GPUS, {"tolerations": [{"operator": "Exists"}]}), None),
    "gpu-by-a-variable": (pod({"env": [VISIBLE]}), "gpus-with-limits-and-tolerations"),
    "gpu-by-a-field": (from_elsewhere("NVIDIA_VISIBLE_DEVICES", fieldRef={"fieldPath": "metadata.annotations['a']"}), "gpus-with-limits-and-tolerations"),
    "gpu-by-a-config-map": (from_elsewhere("NVIDIA_VISIBLE_DEVICES", configMapKeyRef={"name": "a", "key": "a"}), "gpus-with-limits-and-tolerations"),
    "gpu-by-all-of-a-config-map": (pod({"envFrom": [{"configMapRef": {"name": "a"}}]}), "gpus-with-limits-and-tolerations"),
    "gpu-by-the-rest-of-a-name": (pod({"envFrom": [{"prefix": "NVIDIA_", "configMapRef": {"name": "a"}}]}), "gpus-with-limits-and-tolerations"),
    "config-map-with-a-prefix": (pod({"envFrom": [{"prefix": "APP_", "configMapRef": {"name": "a"}}]}), None),
    "gpu-for-a-debug-container": (beside("ephemeralContainers", resources=None, env=[VISIBLE]), "gpus-with-limits-and-tolerations"),
    "no-gpu-by-a-variable": (env("NVIDIA_VISIBLE_DEVICES", "void"), None),
    "tolerant-without-a-gpu": (pod(spec={"tolerations": [{"operator": "Exists"}]}), None),
    "password-in-an-address": (env("DATABASE", "postgresql://mlflow:hunter2@database:5432/mlflow"), "no-secrets-in-environment"),
    "address-without-a-password": (env("DATABASE", "postgresql://mlflow@database:5432/mlflow"), None),
    "key-of-an-account": (env("AWS_ID", "AKIAIOSFODNN7EXAMPLE"), "no-secrets-in-environment"),
    "key-in-full": (env("TLS", "-----BEGIN RSA PRIVATE KEY-----"), "no-secrets-in-environment"),
    "token-in-small-letters": (env("hf_token", "abc"), "no-secrets-in-environment"),
    "token-of-github": (env("A", "ghp_" + "x" * 36), "no-secrets-in-environment"),
    "signed-token": (env("A", "eyJ" + "x" * 10 + ".eyJ" + "y" * 10 + ".z"), "no-secrets-in-environment"),
    "password-by-a-short-name": (env("DB_PASS", "hunter2"), "no-secrets-in-environment"),
    "second-token": (env("GITHUB_TOKEN_2", "abc"), "no-secrets-in-environment"),
    "no-password": (env("COMPASS", "north"), None),
    "many-tokens": (env("MAX_TOKENS", "4096"), None),
    "tokenizers": (env("TOKENIZERS_PARALLELISM", "false"), None),
    "secret-by-its-name": (env("LOGIN_SECRET", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:login"), None),
    "secret-by-reference": (
        pod({"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "login", "key": "password"}}}]}),
        "no-secrets-in-environment",
    ),
    "all-of-a-secret": (pod({"envFrom": [{"prefix": "APP_", "secretRef": {"name": "login"}}]}), "no-secrets-in-environment"),
    "field-of-the-pod": (pod({"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]}), None),
}  # fmt: skip
OTHERS: Mapping[str, tuple[str, str | None]] = {
    "job": (
        'kubernetes.batch.v1.Job(name, metadata={"name": name}, spec={"template": {"spec": BAD}})',
        "no-host-paths",
    ),
    "cron-job": (
        'job = {"template": {"spec": BAD}}\n'
        "kubernetes.batch.v1.CronJob("
        'name, metadata={"name": name}, spec={"schedule": "@daily", "jobTemplate": {"spec": job}})',
        "no-host-paths",
    ),
    "daemon-set": (
        'kubernetes.apps.v1.DaemonSet(name, metadata={"name": name}, spec={"selector": {}, "template": {"spec": BAD}})',
        "no-host-paths",
    ),
    "everybody-by-ipv6": (
        'rule = {"protocol": "tcp", "fromPort": 22, "toPort": 22, "ipv6CidrBlocks": ["::/0"]}\n'
        "aws.ec2.SecurityGroup(name, ingress=[rule], opts=on_aws)",
        "no-open-security-groups",
    ),
    "way-out": (
        'rule = {"protocol": "-1", "fromPort": 0, "toPort": 0, "cidrBlocks": ["0.0.0.0/0"]}\n'
        "aws.ec2.SecurityGroup(name, egress=[rule], opts=on_aws)",
        None,
    ),
    "world-behind-a-balancer": (
        'spec = {"type": "LoadBalancer", "ports": [{"port": 1}], "loadBalancerSourceRanges": ["0.0.0.0/0"]}\n'
        'kubernetes.core.v1.Service(name, metadata={"name": name}, spec=spec)',
        "load-balancers-with-source-ranges",
    ),
    "service-inside": (
        'kubernetes.core.v1.Service(name, metadata={"name": name}, spec={"ports": [{"port": 1}]})',
        None,
    ),
    "cluster-for-everybody-by-default": (
        'network = {"subnetIds": ["subnet-1", "subnet-2"]}\n'
        'role = "arn:aws:iam::123456789012:role/cluster"\n'
        "aws.eks.Cluster(name, role_arn=role, deletion_protection=True, vpc_config=network, opts=kept)",
        "no-public-clusters",
    ),
    "cluster-in-the-network": (
        'network = {"subnetIds": ["subnet-1", "subnet-2"], "endpointPublicAccess": False}\n'
        'role = "arn:aws:iam::123456789012:role/cluster"\n'
        "aws.eks.Cluster(name, role_arn=role, deletion_protection=True, vpc_config=network, opts=kept)",
        None,
    ),
    "bucket-of-access-logs": (
        "logs = private(aws.s3.Bucket(name, opts=kept))\n"
        'aws.s3.BucketLogging(name, bucket="models", target_bucket=logs.bucket, target_prefix="a/", opts=on_aws)',
        None,
    ),
    "bucket-under-a-key-of-others": (
        "bucket = private(aws.s3.Bucket(name, opts=kept))\n"
        'rules = [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}]\n'
        "aws.s3.BucketServerSideEncryptionConfiguration(name, bucket=bucket.bucket, rules=rules, opts=on_aws)",
        "buckets-with-own-keys",
    ),
    "repository-under-a-key-of-others": (
        "aws.ecr.Repository(name, encryption_configurations=[], opts=kept)",
        "repositories-with-own-keys",
    ),
    "database-that-is-not-encrypted": (
        "aws.rds.Instance("
        'name, instance_class="db.t4g.medium", deletion_protection=True, skip_final_snapshot=True, opts=kept)',
        "databases-with-own-keys",
    ),
    "database-that-can-be-deleted": (
        "aws.rds.Instance("
        'name, instance_class="db.t4g.medium", storage_encrypted=True, kms_key_id="a", skip_final_snapshot=True, opts=kept)',
        "deletion-refused",
    ),
    "disk-of-a-node": (
        'disk = {"deviceName": "/dev/xvda", "ebs": {"encrypted": "true", "volumeSize": 100}}\n'
        "aws.ec2.LaunchTemplate(name, block_device_mappings=[disk], opts=on_aws)",
        "disks-with-own-keys",
    ),
    "policy-for-some-pods": (
        'labels = {"pod-security.kubernetes.io/enforce": "restricted"}\n'
        'kubernetes.core.v1.Namespace(name, metadata={"name": name, "labels": labels})\n'
        'spec = {"podSelector": {"matchLabels": {"app": "a"}}, "policyTypes": ["Ingress"]}\n'
        'metadata = {"name": "some", "namespace": name}\n'
        'kubernetes.networking.v1.NetworkPolicy(f"{name}-some", metadata=metadata, spec=spec)',
        "namespaces-closed-by-default",
    ),
    "policy-for-one-direction": (
        'labels = {"pod-security.kubernetes.io/enforce": "restricted"}\n'
        'kubernetes.core.v1.Namespace(name, metadata={"name": name, "labels": labels})\n'
        'metadata, spec = {"name": "in", "namespace": name}, {"podSelector": {}}\n'
        'kubernetes.networking.v1.NetworkPolicy(f"{name}-in", metadata=metadata, spec=spec)',
        "namespaces-closed-by-default",
    ),
    "policy-for-the-platform-s-own": (
        'labels = {"pod-security.kubernetes.io/enforce": "restricted"}\n'
        'kubernetes.core.v1.Namespace(name, metadata={"name": "ml-platform", "labels": labels})\n'
        'metadata, spec = {"name": "in", "namespace": "ml-platform"}, {"podSelector": {}}\n'
        'kubernetes.networking.v1.NetworkPolicy(f"{name}-in", metadata=metadata, spec=spec)',
        None,
    ),
    "masters-of-a-cluster": (
        'groups = ["system:masters"]\n'
        'role = "arn:aws:iam::123456789012:role/people"\n'
        'aws.eks.AccessEntry(name, cluster_name="a", principal_arn=role, kubernetes_groups=groups, opts=on_aws)',
        "no-cluster-admin-for-groups",
    ),
}

_SERVICE = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
_ISSUER = "token.actions.githubusercontent.com"
_TOKEN = {"Effect": "Allow", "Principal": {"Federated": f"arn:aws:iam::1:oidc-provider/{_ISSUER}"}, "Action": "sts:A"}
_BOTH = {f"{_ISSUER}:aud": "sts.amazonaws.com", f"{_ISSUER}:sub": "repo:example/ml-platform:pull_request"}
_POD = {"Effect": "Allow", "Principal": {"Service": "pods.eks.amazonaws.com"}, "Action": "sts:AssumeRole"}
_POD_TAGS = {
    "aws:RequestTag/eks-cluster-arn": "arn:aws:eks:eu-central-1:1:cluster/a",
    "aws:RequestTag/kubernetes-namespace": "vision",
    "aws:RequestTag/kubernetes-service-account": "serving",
}


def _of_account(accounts: object) -> dict[str, Any]:
    return {**_SERVICE, "Principal": {"AWS": "*"}, "Condition": {"StringEquals": {"aws:PrincipalAccount": accounts}}}


_ALL = ("**", "?*", "i*", "*:PassRole", "iam:**", "iam:P*", "sts:Assume*", "kms:?", "secretsmanager:Get*")
WILDCARD, LOOSE = "no-wildcard-iam", "trust-with-audience-and-subject"
TRUSTS: Mapping[str, tuple[dict[str, Any], str | None]] = {
    "service": (_SERVICE, None),
    "deny": ({**_SERVICE, "Effect": "Deny", "Principal": "*", "Action": "*"}, None),
    "anybody": ({**_SERVICE, "Principal": "*"}, WILDCARD),
    "any-account": ({**_SERVICE, "Principal": {"AWS": ["*"]}}, WILDCARD),
    "anybody-of-the-declared-account": (_of_account(ACCOUNT), None),
    **{
        f"anybody-of-{name}": (_of_account(accounts), WILDCARD)
        for name, accounts in {"another-account": "1", "two-accounts": [ACCOUNT, "1"], "no-account": []}.items()
    },
    "anybody-of-any-account": (
        {**_SERVICE, "Principal": {"AWS": "*"}, "Condition": {"StringLike": {"aws:PrincipalAccount": "*"}}},
        WILDCARD,
    ),
    **{f"any-action-{number}": ({**_SERVICE, "Action": action}, WILDCARD) for number, action in enumerate(_ALL)},
    "any-action": ({**_SERVICE, "Action": ["sts:AssumeRole", "*"]}, WILDCARD),
    "all-of-iam-in-capitals": ({**_SERVICE, "Action": ["IAM:*"]}, WILDCARD),
    "all-of-iam": ({**_SERVICE, "Action": "iam:*"}, WILDCARD),
    "not-some": ({"Effect": "Allow", "Principal": _SERVICE["Principal"], "NotAction": "s3:*"}, WILDCARD),
    "token-of-somebody": ({**_TOKEN, "Condition": {"StringEquals": _BOTH}}, None),
    "token-of-some": ({**_TOKEN, "Condition": {"StringLike": {**_BOTH, f"{_ISSUER}:sub": "repo:example/*"}}}, None),
    **{
        f"token-of-{number}": ({**_TOKEN, "Condition": {"StringLike": {**_BOTH, f"{_ISSUER}:sub": subject}}}, LOOSE)
        for number, subject in enumerate(("repo:*", "repo:*/*:*", "repo:exam*/ml-platform:*", "*:pull_request"))
    },
    "token-of-anybody": ({**_TOKEN, "Condition": {"StringLike": {**_BOTH, f"{_ISSUER}:sub": "*"}}}, LOOSE),
    "token-that-differs": ({**_TOKEN, "Condition": {"StringNotEquals": _BOTH}}, LOOSE),
    "token-without-conditions": (_TOKEN, LOOSE),
    "one-service-account": ({**_POD, "Condition": {"StringEquals": _POD_TAGS}}, None),
    "any-service-account": (
        {**_POD, "Condition": {"StringEquals": dict(list(_POD_TAGS.items())[:2])}},
        LOOSE,
    ),
    "some-service-accounts": (
        {**_POD, "Condition": {"StringLike": {**_POD_TAGS, list(_POD_TAGS)[2]: "serving-*"}}},
        LOOSE,
    ),
}

_HERE = {"StringEquals": {"aws:RequestedRegion": "eu-central-1"}}
POLICIES: Mapping[str, tuple[dict[str, Any], str | None]] = {
    **{
        f"all-of-{service}": ({"Effect": "Allow", "Action": f"{service}:*", "Resource": resource}, WILDCARD)
        for service, resource in {"s3": "*", "ec2": ["*"], "rds": "**", "sns": "arn:aws:sns:eu-central-1:1:*"}.items()
    },
    "all-of-others": ({"Effect": "Allow", "Action": "s3:*", "NotResource": "arn:aws:s3:::models/*"}, WILDCARD),
    "all-of-kms-here": ({"Effect": "Allow", "Action": "kms:*", "Resource": "*", "Condition": _HERE}, WILDCARD),
    "all-of-some-secrets": (
        {
            "Effect": "Allow",
            "Action": "secretsmanager:Get*",
            "Resource": "arn:aws:secretsmanager:eu-central-1:1:secret:a",
        },
        WILDCARD,
    ),
    "all-of-ec2-here": ({"Effect": "Allow", "Action": "ec2:*", "Resource": "*", "Condition": _HERE}, None),
    "all-of-one-bucket": ({"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::models/*"}, None),
    "some-of-everything": ({"Effect": "Allow", "Action": "ec2:Describe*", "Resource": "*"}, None),
}

_WHOLE_KEY = {"Effect": "Allow", "Action": ["kms:*"], "Resource": ["*"]}
KEYS: Mapping[str, tuple[dict[str, Any], str | None]] = {
    "key-of-the-account": ({**_WHOLE_KEY, "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}, None),
    "key-of-another-account": ({**_WHOLE_KEY, "Principal": {"AWS": "arn:aws:iam::1:root"}}, WILDCARD),
    "key-of-a-role": ({**_WHOLE_KEY, "Principal": {"AWS": "arn:aws:iam::1:role/someone"}}, WILDCARD),
    "key-of-a-service": (
        {**_WHOLE_KEY, "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root", "Service": "logs.amazonaws.com"}},
        WILDCARD,
    ),
}
