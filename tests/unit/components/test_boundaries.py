"""Names of a foundation's services, settings and tools occur in its own folders and nowhere else.

What is bought has prices on one foundation only, whose name is in `infra/cost`, too. Imports are checked by
import-linter; this finds strings, such as an environment variable or a key in a configuration.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.declaration.samples import REPOSITORY

_SHARED = [
    file
    for file in sorted((REPOSITORY / "infra").rglob("*.py"))
    if not {"foundation", "declaration", "catalogue", "cost"} & set(file.relative_to(REPOSITORY).parts)
]
_STACKS = [file.name.split(".")[1] for file in REPOSITORY.glob("Pulumi.*.yaml")]
_PARTS = r"aws|amazon(?:aws)?|sigv4|sns|ecr|eks|iam|s3|rds|kwok"
"""Found between underscores and digits too: `AWS_REGION`, `sns_configs`, `123.dkr.ecr.eu-central-1`."""
_PLACES = re.compile(rf"(?<![a-z])(?:{_PARTS})(?![a-z])|\b(?:local|localhost|{'|'.join(_STACKS)})\b", re.IGNORECASE)
_ALLOWED = {
    *("svc.cluster.local", "link-local", '"localhost"', '"/dev/null"', '"/dev/stdout"', "/dev/shm"),
    *('"source": "Local"', '"local": {"rules"'),
}
"""Names inside every cluster and on every machine, and of Envoy: what one proxy answers or counts by itself."""


def named_places(text: str) -> list[str]:
    for allowed in _ALLOWED:
        text = text.replace(allowed, "")
    return _PLACES.findall(text)


@pytest.mark.parametrize("file", _SHARED, ids=lambda file: str(file.relative_to(REPOSITORY)))
def test_what_stands_above_the_foundation_names_no_place_and_no_stack(file: Path) -> None:
    assert named_places(file.read_text()) == []


def test_the_declaration_names_places_in_their_own_files_only() -> None:
    folder = REPOSITORY / "infra" / "declaration"
    named = {file.name for file in folder.glob("*.py") if named_places(file.read_text())}
    assert named == {
        *(
            "cluster.py",
            "entrances.py",
            "foundations.py",
            "gateway.py",
            "gateway_class.py",
            "monitoring.py",
            "names.py",
            "pool_nodes.py",
            "pools.py",
            "rules.py",
        ),
        "__main__.py",
    }


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('if stack == "prod": import pulumi_docker; aws.Provider()', ["prod", "aws"]),
        ("AWS_REGION", ["AWS"]),
        ("pulumi_aws", ["aws"]),
        ('{"sigv4": {}}', ["sigv4"]),
        ("sns_configs", ["sns"]),
        (r"\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws", ["ecr", "amazonaws"]),
        ("each secret draws a key that is one of yours", []),
    ],
)
def test_a_place_would_be_found(text: str, found: list[str]) -> None:
    assert named_places(text) == found
