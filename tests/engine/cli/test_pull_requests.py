"""Pull requests from end to end: a change, the workflow's own commands, and what a reviewer reads first."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.pull_request.render import MARKER
from tests.engine.cli.github import GitHub
from tests.engine.cli.workflow_job import REPOSITORY, Clone, PullRequest, holds, run
from tests.pulumi_engine import find_engine
from tests.unit.declaration.samples import REPOSITORY as PROJECT

DEV, PROD = "Pulumi.dev.yaml", "Pulumi.prod.yaml"
POOL = """      l4:
        instance: {cpu: 7, memory: 27Gi}
        gpu: {model: NVIDIA-L4, count: 1}
        max: 4
        aws: {instanceTypes: [g6.2xlarge]}
"""
CIPHERTEXT = "v1:QxhwK2F37+A=:cannot-be-read-here"


@dataclass(frozen=True)
class Scenario:
    """A change, and its comment. `top` are patterns of whole lines among the first ten."""

    edits: Mapping[str, tuple[tuple[str, str], ...]]
    top: tuple[str, ...]
    below: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    passes: bool = True
    fork: bool = False


SCENARIOS = {
    "documents only": Scenario(
        {"README.md": (("# ml-platform\n", "# The ML platform\n"),)},
        top=(r"This change affects no stack\.",),
        absent=("###",),
    ),
    "nothing changed": Scenario(
        {DEV: (("    protectData: false\n", "    # Nothing here is worth keeping.\n    protectData: false\n"),)},
        top=("### Stack `dev`: no changes",),
        absent=("<details", "`prod`"),
    ),
    "a pool added": Scenario(
        {PROD: (("      a10g:\n", f"{POOL}      a10g:\n"),)},
        top=(
            "### Stack `prod`: 3 created, 1 changed",
            # 4 nodes x 730 h x ($1.22249 x 1.12 for Auto Mode), and 4 disks of 100 GiB at $0.0952.
            r"\*\*Cost a month: \+\$4,036\.11 at the maximum\*\* .*",
            "pool l4: 2 created.*",
        ),
        below=("+ kubernetes:karpenter.sh/v1:NodePool l4\n",),
        # Its neighbours stay as they are.
        absent=("a10g", "[!"),
    ),
    "a model rolled": Scenario(
        {DEV: (("        replicas: 2\n", "        replicas: 2\n        version: 7\n"),)},
        top=(
            "### Stack `dev`: 1 changed",
            r"- \*\*digits serves version 7 instead of the champion\*\*",
            "serving: 1 changed",
        ),
        below=('containers[serving].env[MODEL_URI].value: "models:/digits@champion" => "models:/digits/7"\n',),
        absent=("[!", " created", " deleted", " replaced"),
    ),
    "a canary": Scenario(
        {DEV: (("        replicas: 2\n", "        replicas: 2\n        canary: {version: 8, percent: 10}\n"),)},
        top=(
            "### Stack `dev`: 4 created, 1 changed",
            r"- \*\*10 % of digits to version 8\*\*",
            "serving: 4 created, 1 changed",
        ),
        below=(
            "spec.rules[0].backendRefs[0].weight: 1000000 => 90\n",
            'spec.rules[0].backendRefs[1].name: "digits" => "digits-canary"\n',
            "spec.rules[0].backendRefs[1].weight: 1 => 10\n",
            "+ kubernetes:apps/v1:Deployment digits-canary\n",
        ),
        absent=("[!",),
    ),
    "a replacement": Scenario(
        {PROD: (("cidr: 10.20.0.0/16", "cidr: 10.40.0.0/16"),)},
        top=(
            r"> \[!WARNING\]",
            r"> \*\*Resources are replaced\.\*\* .*",
            r"> - stack \*\*prod\*\*: `aws:ec2/vpc:Vpc` \*\*network\*\*",
            r"> - stack \*\*prod\*\*: 9 of `aws:ec2/subnet:Subnet`",
            "### Stack `prod`: .*10 replaced",
        ),
        below=('cidrBlock: "10.20.0.0/16" => "10.40.0.0/16"\n',),
    ),
    "a data store deleted": Scenario(
        {PROD: (("        backup: {region: eu-west-1}\n", ""),)},
        top=(
            r"> \[!CAUTION\]",
            r"> \*\*Data is at stake\.\*\*",
            r"> - stack \*\*prod\*\*: bucket \*\*replica\*\* is deleted, but protected: the update will refuse it .*",
            r"> - stack \*\*prod\*\*: encryption key \*\*backup\*\* is deleted, but protected: .*",
            "### Stack `prod`: .* 14 deleted",
        ),
        below=("- aws:s3/bucket:Bucket replica  (carries data)\n",),
    ),
    "a policy violated": Scenario(
        {"infra/workloads/pod.py": (("run_as_non_root=True", "run_as_non_root=False"),)},
        top=(
            r"> \[!CAUTION\]",
            r"> \*\*This can't be deployed\.\*\*",
            r"> - stack \*\*dev\*\*: policy `no-root-containers` is violated by \d+ resources: `No container .*`",
            r"> - stack \*\*prod\*\*: policy `no-root-containers` is violated by \d+ resources: `No container .*`",
            "### Stack `dev`: the preview failed",
        ),
        below=(
            "- kubernetes:apps/v1:Deployment::digits\n    serving: may run as root; set securityContext.runAsNonRoot",
        ),
        absent=(" deleted", "Traceback"),
        passes=False,
    ),
    "a budget exceeded": Scenario(
        {PROD: (("    teams:\n", "    budget: {monthly: 90000}\n    teams:\n"),)},
        top=(
            r"> \*\*This can't be deployed\.\*\*",
            r"> - stack \*\*prod\*\*: policy `budgets` is .*`budget\.monthly: .* usually costs \$91,056\.53 .*",
            "### Stack `prod`: the preview failed",
        ),
        absent=(" deleted", "Traceback"),
        passes=False,
    ),
    "a mistyped setting": Scenario(
        {DEV: (("replicas: 2", "replikas: 2"),)},
        top=(
            r"> \*\*This can't be deployed\.\*\*",
            "> - stack .*: unknown setting 'replikas'; did you mean 'replicas'.*",
            "### Stack `dev`: the preview failed",
        ),
        absent=(" deleted",),
        passes=False,
    ),
    "a fork without secrets": Scenario(
        {
            DEV: (
                ("      digits-key: ", "      hub-token: {team: vision}\n      digits-key: "),
                ("config:\n", f"config:\n  ml-platform:hub-token: {{secure: '{CIPHERTEXT}'}}\n"),
                ("replicas: 2", "replicas: 3"),
                ("max: 2", "max: 1"),
            )
        },
        top=("### Stack `dev`: .*1 deleted", ".*serving: 1 changed.*"),
        below=(
            "~ kubernetes:apps/v1:Deployment digits\n    spec.replicas: 2 => 3\n",
            "- kubernetes:core/v1:Node a10g-1\n",
            "+ kubernetes:core/v1:Secret ",
        ),
        absent=(CIPHERTEXT, "placeholder"),
        fork=True,
    ),
}


def jobs() -> dict[str, Any]:
    return dict(yaml.safe_load((PROJECT / ".github" / "workflows" / "preview.yml").read_text())["jobs"])


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    if find_engine() is None:
        pytest.skip("no pulumi on this machine: set ML_PLATFORM_BIN to the folder that holds it")
    return Clone.of_this_project(*(tmp_path_factory.mktemp(name) for name in ("origin", "clone", "state")))


@pytest.fixture(scope="module")
def bases() -> list[str]:
    """The stacks whose base was previewed."""
    return []


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_reviewer_reads_first_what_matters(
    name: str, clone: Clone, bases: list[str], github: GitHub, tmp_path: Path
) -> None:
    scenario, summary = SCENARIOS[name], tmp_path / "summary.md"
    earlier = f"{MARKER}\nof the push before"
    github.say("looks good")
    github.say(earlier)
    clone.change(scenario.edits)

    request = PullRequest(github.address, head="somebody/fork" if scenario.fork else REPOSITORY)
    ran = run(jobs()["preview"], clone, request, summary)
    assert ran.passed == scenario.passes, ran.errors

    text = summary.read_text()
    top = text.splitlines()[:10]
    assert text.startswith(f"{MARKER}\n")
    assert [line for line in scenario.top if not any(re.fullmatch(line, each) for each in top)] == [], text
    assert [part for part in scenario.below if part not in text] == [], text
    assert [part for part in scenario.absent if part in text] == [], text

    published = ran.steps[-1] == "Comment"
    assert published != scenario.fork
    assert [comment["body"] for comment in github.comments] == ["looks good", text if published else earlier]
    bases += re.findall(r"… plan of stack (\w+) on the base", ran.errors)
    assert len(bases) == len(set(bases)), "a base is previewed once"


@pytest.mark.parametrize(("head", "asked"), [(REPOSITORY, True), ("somebody/fork", False)])
def test_a_fork_does_not_ask_the_account(head: str, asked: bool) -> None:
    assert holds(jobs()["preflight"]["if"], PullRequest("", head).contexts()) == asked
