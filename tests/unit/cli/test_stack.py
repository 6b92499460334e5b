"""The stack file keeps its text while the engine writes a salt into it."""

from pathlib import Path

import pytest

from cli.recovery import _discard, _kubectl_kind, unknown
from cli.stack import salt_kept_out
from common import paths

WRITTEN = "config:\n\n  # a comment\n  p:a: 1\n"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(paths, "REPOSITORY", tmp_path)
    file = tmp_path / "Pulumi.dev.yaml"
    file.write_text(WRITTEN)
    return file


def test_a_salt_that_the_engine_writes_is_taken_out_again_with_its_reformatting(file: Path) -> None:
    with salt_kept_out("dev"):
        file.write_text("config:\n  # a comment\n  p:a: 1\nencryptionsalt: v1:abc\n")
    assert file.read_text() == WRITTEN


def test_what_the_user_sets_meanwhile_stays(file: Path) -> None:
    with salt_kept_out("dev"):
        file.write_text("config:\n  p:a: 2\nencryptionsalt: v1:abc\n")
    assert file.read_text() == "config:\n  p:a: 2\n"


def test_a_salt_that_was_there_before_stays(file: Path) -> None:
    file.write_text(f"{WRITTEN}encryptionsalt: v1:abc\n")
    with salt_kept_out("dev"):
        pass
    assert file.read_text() == f"{WRITTEN}encryptionsalt: v1:abc\n"


@pytest.mark.parametrize(
    ("token", "kind"),
    [
        ("kubernetes:core/v1:Namespace", "Namespace"),
        ("kubernetes:apps/v1:Deployment", "Deployment.v1.apps"),
        ("kubernetes:policy/v1:PodDisruptionBudget", "PodDisruptionBudget.v1.policy"),
    ],
)
def test_objects_are_named_as_kubectl_names_them(token: str, kind: str) -> None:
    assert _kubectl_kind(token) == kind


def test_recovery_discards_only_what_the_state_does_not_have() -> None:
    """Such as a volume that waited for its first pod when an update was cancelled."""
    pending = [
        {"type": "creating", "resource": {"urn": "volume"}},
        {"type": "creating", "resource": {"urn": "pod"}},
        {"type": "updating", "resource": {"urn": "service"}},
    ]
    assert unknown(pending, [{"urn": "volume"}, {"urn": "service"}]) == [{"urn": "pod"}]


@pytest.mark.parametrize("kind", ["ServiceAccountPatch", "ServiceAccount"])
def test_recovery_leaves_an_object_that_was_only_to_be_changed(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is another manager's, and kubectl knows no such type."""
    asked: list[str] = []

    def output(command: list[str], environment: object) -> str:
        asked.extend(command)
        return ""

    monkeypatch.setattr("cli.recovery.run.output", output)
    inputs = {"metadata": {"name": "default", "namespace": "vision"}}
    _discard({"type": f"kubernetes:core/v1:{kind}", "inputs": inputs}, "some-context")
    assert bool(asked) == (kind == "ServiceAccount")
