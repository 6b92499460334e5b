"""Each kind of mistake in a declaration, and its message."""
# ruff: noqa: E501 - a message is one line

from __future__ import annotations

from pathlib import Path

import pytest

from infra.declaration.monitoring import Monitoring
from infra.declaration.policy import Limits, Policy
from infra.declaration.workloads import Tracking
from tests.unit.declaration.samples import GONE, accepted, refused

NAME_RULE = (
    "is not a valid Kubernetes name; write lower-case letters, digits and '-', "
    "with a letter first and no '-' at the end"
)
LONG = "x" * 51

NO_PODS = "is not a number of pods; write one, such as 2, or a range: {min: 1, max: 4}"
MISTAKES = [
    # Mistyped keys
    ("nodePools.a10g.gpu.cout", 1, "platform.nodePools.a10g.gpu: unknown setting 'cout'; did you mean 'count'?"),
    ("foundation.local.registryport", 1, "platform.foundation.local: unknown setting 'registryport'; did you mean 'registryPort'?"),
    ("foundation.local.registry_port", 1, "platform.foundation.local: unknown setting 'registry_port'; did you mean 'registryPort'?"),
    ("servings", {}, "platform: unknown setting 'servings'; did you mean 'serving'?"),
    ("models.digits.xyz", 1, "platform.models.digits: unknown setting 'xyz'; known: team"),
    ("teams.vision.xyz", 1, "platform.teams.vision: unknown setting 'xyz'; known: budget, groups, queue, quota"),
    # Missing settings
    ("foundation", GONE, "platform: missing setting 'foundation'"),
    ("foundation.local", GONE, "platform.foundation: no foundation is declared; declare 'local', 'cluster' or 'aws'"),
    ("nodePools.a10g.max", 0, "platform.nodePools.a10g.max: 0 is out of range; write at least 1"),
    ("nodePools.a10g.min", 3, "platform.nodePools.a10g.min: there are always 'max' simulated nodes; remove it"),
    ("limits.hourlyCost", 5, "platform.limits.hourlyCost: only nodes of the aws foundation have a known price; remove it"),
    ("nodePools.a10g.instance.cpu", GONE, "platform.nodePools.a10g.instance: missing setting 'cpu'"),
    # Wrong types
    ("serving.digits.replicas", "two", f"platform.serving.digits.replicas: 'two' {NO_PODS}"),
    ("serving.digits.replicas", 1.5, f"platform.serving.digits.replicas: 1.5 {NO_PODS}"),
    ("serving.digits.replicas", True, f"platform.serving.digits.replicas: true {NO_PODS}"),
    ("protectData", "yes", "platform.protectData: expected true or false, got 'yes'"),
    ("teams.vision", 3, "platform.teams.vision: expected a mapping of settings, got 3"),
    ("teams", ["vision"], "platform.teams: expected a mapping of settings, got a list"),
    ("training.digits.args", "--c=1", "platform.training.digits.args: expected a list, got '--c=1'"),
    ("training.digits.args", ["--c", 1], "platform.training.digits.args.1: expected text, got 1; put it in quotes"),
    ("images.training.args", {"A": 1}, "platform.images.training.args.A: expected text, got 1; put it in quotes"),
    # Numbers out of range
    ("serving.digits.replicas", 0, "platform.serving.digits.replicas: 0 is out of range; write 1 to 100; for none while there are no requests, write {min: 0, max: 1}"),
    ("foundation.local.registryPort", 70000, "platform.foundation.local.registryPort: 70000 is out of range; write at most 65533"),
    # Quantities and durations
    ("tracking.storage", "2GB", "platform.tracking.storage: '2GB' is not a size; write a number with Ki, Mi, Gi or Ti, such as 512Mi"),
    ("tracking.storage", 512, "platform.tracking.storage: 512 is not a size; write a number with Ki, Mi, Gi or Ti, such as 512Mi"),
    ("nodePools.a10g.instance.cpu", "8 cores", "platform.nodePools.a10g.instance.cpu: '8 cores' is not a CPU quantity; write cores such as 2 or 0.5, or thousandths such as 500m"),
    ("nodePools.a10g.instance.cpu", 0, "platform.nodePools.a10g.instance.cpu: 0 is not a CPU quantity; write cores such as 2 or 0.5, or thousandths such as 500m"),
    ("serving.digits.timeout", "3 minutes", "platform.serving.digits.timeout: '3 minutes' is not a duration; write hours, minutes and seconds such as 90s, 3m or 1h30m"),
    ("serving.digits.timeout", 180, "platform.serving.digits.timeout: 180 is not a duration; write hours, minutes and seconds such as 90s, 3m or 1h30m"),
    ("serving.digits.timeout", "", "platform.serving.digits.timeout: '' is not a duration; write hours, minutes and seconds such as 90s, 3m or 1h30m"),
    # References
    ("nodePools.a10g.gpu", {"model": "NVIDIA-A10G", "checkImage": "torhc"}, "platform.nodePools.a10g.gpu.checkImage: image 'torhc' is not declared; known: serving, training"),
    ("models.digits.team", "vison", "platform.models.digits.team: team 'vison' is not declared; did you mean 'vision'?"),
    ("training.digits.image", "trainer", "platform.training.digits.image: image 'trainer' is not declared; did you mean 'training'?"),
    ("training.digits.pool", "h100", "platform.training.digits.pool: node pool 'h100' is not declared; known: a10g, plain"),
    ("serving.digits.model", "letters", "platform.serving.digits.model: model 'letters' is not declared; known: digits"),
    # Names
    ("teams.Vision", {}, f"platform.teams.Vision: 'Vision' {NAME_RULE}"),
    ("teams.2d", {}, f"platform.teams.2d: '2d' {NAME_RULE}"),
    (f"nodePools.{LONG}", {"instance": {"cpu": 1, "memory": "1Gi"}}, f"platform.nodePools.{LONG}: '{LONG}' has 51 characters; write a name of at most 50"),
    ("teams.kube-system", {}, "platform.teams.kube-system: 'kube-system' is a namespace of Kubernetes itself; write another name"),
    ("teams.ml-platform", {}, "platform.teams.ml-platform: 'ml-platform' is the platform's own namespace; write another name"),
    ("namespace", "default", "platform.namespace: 'default' is a namespace of Kubernetes itself; write another name"),
    ("images.base", {}, "platform.images.base: 'base' is an image of the platform itself; write another name"),
    ("nodePools.a10g.gpu.model", "A10G (24 GB)", "platform.nodePools.a10g.gpu.model: 'A10G (24 GB)' is not a valid label value; write at most 63 letters, digits, '-', '_' and '.'"),
    ("nodePools.a10g.labels", {"a b": "c"}, "platform.nodePools.a10g.labels.a b: 'a b' is not a valid label key; write one such as example.com/purpose"),
    ("nodePools.a10g.taints", ["gpu"], "platform.nodePools.a10g.taints.0: 'gpu' is not a taint; write key=value:Effect with the effect NoSchedule, PreferNoSchedule or NoExecute"),
    # What no node can hold
    ("training.digits.gpus", 1, "platform.training.digits.gpus: only node pools have GPUs; write 'pool' with the name of one"),
    # Images
    ("images.training.context", "nowhere", "platform.images.training: there is no 'nowhere/Dockerfile'; add it, or write another 'context'"),
    ("images.training.context", "../elsewhere", "platform.images.training.context: '../elsewhere' is outside the project; write a folder inside it"),
    # Teams
    ("teams.vision.quota", {"memory": "1Gi"}, "platform.teams.vision.quota: missing setting 'cpu'"),
    ("teams.vision.groups.owner", ["a"], "platform.teams.vision.groups: unknown setting 'owner'; known: admin, developer, viewer"),
    ("teams.vision.groups.viewer", "a", "platform.teams.vision.groups.viewer: expected a list, got 'a'"),
    ("teams.vision.groups.viewer", ["a b"], "platform.teams.vision.groups.viewer.0: 'a b' is not a group name; write letters, digits and any of _:.@/-, at most 63"),
    ("teams.vision.groups.admin", ["system:masters"], "platform.teams.vision.groups.admin.0: 'system:masters' is reserved by Kubernetes; write a group of your own"),
    ("teams.vision.groups", {"viewer": ["a"], "admin": ["b", "a"]}, "platform.teams.vision.groups.admin.1: 'a' already has the role viewer; write each group once"),
    # One job of 500m and 1Gi, three replicas of 250m and 512Mi while two are rolled
    ("teams.vision.quota", {"cpu": "1249m", "memory": "4Gi"}, "platform.teams.vision.quota.cpu: 1249m is less than the team's jobs and endpoints request (1250m, including `maxSurge` of each endpoint during a rollout); write at least 1250m"),
    ("teams.vision.quota", {"cpu": 2, "memory": "2559Mi"}, "platform.teams.vision.quota.memory: 2559Mi is less than the team's jobs and endpoints request (2560Mi, including `maxSurge` of each endpoint during a rollout); write at least 2560Mi"),
    ("teams.vision.quota", {"cpu": 2, "memory": "4Gi", "pods": 3}, "platform.teams.vision.quota.pods: 3 is less than the team's jobs and endpoints request (4, including `maxSurge` of each endpoint during a rollout); write at least 4"),
    # Empty names
    ("foundation.local.baseImage", " ", "platform.foundation.local.baseImage: is empty; write a name, or remove the setting to use its default"),
    # Settings of another foundation
    ("nodePools.a10g.aws", {"instanceTypes": ["g5.2xlarge"]}, "platform.nodePools.a10g.aws: only the aws foundation has EC2 instances; remove 'aws', or declare foundation.aws"),
    ("nodePools.a10g.disk", "500Gi", "platform.nodePools.a10g: unknown setting 'disk'; known: aws, devicePlugin, gpu, instance, labels, max, min, runtimeClassName, taints"),
    ("nodePools.a10g.instance.types", ["g5.2xlarge"], "platform.nodePools.a10g.instance: unknown setting 'types'; known: cpu, memory"),
    # A whole value must match: `$` also matches before a newline at the end, and `\\d` any script's digits
    ("teams.vision\n", {}, f"platform.teams.vision\\n: 'vision\\n' {NAME_RULE}"),
    ("tracking.storage", "5Gi\n", "platform.tracking.storage: '5Gi\\n' is not a size; write a number with Ki, Mi, Gi or Ti, such as 512Mi"),
    ("tracking.storage", "\u0665Gi", "platform.tracking.storage: '\u0665Gi' is not a size; write a number with Ki, Mi, Gi or Ti, such as 512Mi"),
    ("serving.digits.timeout", "\u0663m", "platform.serving.digits.timeout: '\u0663m' is not a duration; write hours, minutes and seconds such as 90s, 3m or 1h30m"),
    ("teams.vision.groups.viewer", ["a\n"], "platform.teams.vision.groups.viewer.0: 'a\\n' is not a group name; write letters, digits and any of _:.@/-, at most 63"),
    ("serving.digits.resources", {"memory": "1Gi", "sharedMemory": "2Gi"}, "platform.serving.digits.resources: sharedMemory (2Gi) is part of memory (1Gi); write at most that"),
    ("serving.digits.pool", "a10g", "platform.serving.digits.pool: nodes of this foundation's pools are simulated, and their pods are never executed; remove 'pool' in this stack"),
    ("serving.digits.gpus", 1, "platform.serving.digits.gpus: only node pools have GPUs; write 'pool' with the name of one"),
    # Ownership
    ("training.digits.team", "speech", "platform.training.digits.team: model 'digits' belongs to team 'vision'; write 'vision'"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value", "line"), MISTAKES, ids=[line[:90] for _, _, line in MISTAKES])
def test_a_mistake_costs_one_line(root: Path, path: str, value: object, line: str) -> None:
    assert refused(root, **{path: value}) == [f"Pulumi.dev.yaml: {line}"]


@pytest.mark.parametrize(
    ("section", "defaults"),
    [
        ("secrets", {}),
        ("rotations", {}),
        ("limits", Limits()),
        ("policy", Policy()),
        ("tracking", Tracking()),
        ("monitoring", Monitoring()),
    ],
)
def test_a_section_with_nothing_under_it_has_its_defaults(root: Path, section: str, defaults: object) -> None:
    """YAML reads a key without a value as null."""
    assert getattr(accepted(root, **{section: None}), section) == defaults


def test_an_empty_section_does_not_hide_the_references_into_it(root: Path) -> None:
    assert refused(root, models=None) == [
        "Pulumi.dev.yaml: platform.training.digits.model: model 'digits' is not declared; none is declared",
        "Pulumi.dev.yaml: platform.serving.digits.model: model 'digits' is not declared; none is declared",
    ]


def on_pool(pool: str, gpus: int, cpu: int, memory: str) -> dict[str, object]:
    """A second job, so that the model has a real one."""
    resources = {"cpu": cpu, "memory": memory}
    job = {"team": "vision", "image": "training", "model": "digits", "pool": pool, "gpus": gpus, "resources": resources}
    return {"training.more": job}


@pytest.mark.parametrize(
    ("job", "line"),
    [
        (
            on_pool("a10g", 2, 8, "32Gi"),
            "gpus: 2 is more than a node of pool 'a10g' has (1); write at most 1, or another pool",
        ),
        (
            on_pool("plain", 1, 1, "1Gi"),
            "gpus: 1 is more than a node of pool 'plain' has (0); write at most 0, or another pool",
        ),
        (on_pool("a10g", 1, 9, "32Gi"), "resources.cpu: 9 is more than a node of pool 'a10g' has (8); write at most 8"),
        (
            on_pool("a10g", 1, 8, "33Gi"),
            "resources.memory: 33Gi is more than a node of pool 'a10g' has (32Gi); write at most 32Gi",
        ),
    ],
)
def test_a_job_must_fit_one_node(root: Path, job: dict[str, object], line: str) -> None:
    assert refused(root, **job) == [f"Pulumi.dev.yaml: platform.training.more.{line}"]


def test_a_job_may_fill_a_node(root: Path) -> None:
    assert accepted(root, **on_pool("a10g", 1, 8, "32Gi")).training["more"].gpus == 1


def test_a_quota_may_be_just_enough(root: Path) -> None:
    exact = {"cpu": "1250m", "memory": "2560Mi", "pods": 4}
    assert accepted(root, **{"teams.vision.quota": exact}).teams["vision"].quota is not None


def test_gpus_count_against_the_quota_of_the_team_that_asks(root: Path) -> None:
    quotas = {f"teams.{team}.quota": {"cpu": 20, "memory": "64Gi"} for team in ("vision", "speech")}
    assert refused(root, **quotas, **on_pool("a10g", 1, 8, "32Gi")) == [
        "Pulumi.dev.yaml: platform.teams.vision.quota.gpus: 0 is less than the team's jobs and endpoints request "
        "(1, including `maxSurge` of each endpoint during a rollout); write at least 1"
    ]


def test_a_served_model_is_trained_where_something_is_computed(root: Path) -> None:
    assert refused(root, **{"training.digits.pool": "a10g"}) == [
        "Pulumi.dev.yaml: platform.serving.digits.model: 'digits' is trained on simulated nodes only, "
        "where pods are never executed; add a training job without 'pool'"
    ]


def test_all_mistakes_are_listed_at_once(root: Path) -> None:
    assert refused(root, **{"namespac": "x", "tracking.storage": "2", "models.digits.team": "nobody"}) == [
        "Pulumi.dev.yaml: platform.tracking.storage: '2' is not a size; "
        "write a number with Ki, Mi, Gi or Ti, such as 512Mi",
        "Pulumi.dev.yaml: platform: unknown setting 'namespac'; did you mean 'namespace'?",
        "Pulumi.dev.yaml: platform.models.digits.team: team 'nobody' is not declared; known: speech, vision",
    ]


def test_all_broken_rules_are_listed_at_once(root: Path) -> None:
    assert len(refused(root, **{"training.digits.gpus": 1, "images.base": {}, "namespace": "kube-public"})) == 3
