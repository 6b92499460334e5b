"""`make promote` and `make rollback`: a stack file with a canary is edited, and every other line stays."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from cli import canary
from cli.__main__ import main
from common import paths
from common.errors import CommandError
from infra.declaration.loader import load
from tests.examples import DEV, PROD
from tests.unit.declaration.samples import REPOSITORY

CERTIFICATE = '{certificate: "arn:aws:acm:eu-central-1:123456789012:certificate/6d1f4f4e-3c0a-4a52-9d0c-0b6a5f2f7c11"}'
FLOW = "        canary: {version: 7,  percent: 10}  # since Monday\n"
BLOCK = """\
        # Trained with twice as many samples.
        canary:  # since Monday
          version: 7
          # Requests of 100.
          percent: 10

          # replicas: 2

"""
IMAGE = '        canary: {image: "training", percent: 10}\n'
BOTH = "        canary: {version: 7, image: training, percent: 0, mirror: true}\n"
SAMPLE = """\
config:
  ml-platform:platform:
    foundation: {local: {}}
    images: {training: {}, serving: {}}
    teams: {vision: {}}
    models: {digits: {team: vision}}
    gateway: {}
    secrets: {key: {team: vision, generate: true}}
    serving:
"""
ENDPOINT = "team: vision, image: serving, model: digits, apiKey: key, expose: {host: a.example.com}"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(paths, "REPOSITORY", tmp_path)
    (tmp_path / "images").symlink_to(REPOSITORY / "images")
    return tmp_path


def with_canary(folder: Path, example: Path, text: str) -> tuple[Path, str, str]:
    """A copy of an example, and its text above and below the canary of endpoint `digits`."""
    written = example.read_text()
    if example == PROD:
        written = written.replace("    serving:\n", f"    gateway: {{aws: {CERTIFICATE}}}\n    serving:\n")
        written = written.replace(
            "        replicas: 3\n", "        replicas: 3\n        expose: {host: a.example.com}\n"
        )
    position = written.index("        replicas: ", written.index("\n    serving:"))
    above, below = written[:position], written[position:]
    file = folder / f"Pulumi.{example.name}"
    file.write_text(above + text + below)
    assert load(file, values=False).serving["digits"].canary
    return file, above, below


def sample(folder: Path, serving: str, head: str = SAMPLE) -> Path:
    file = folder / "Pulumi.dev.yaml"
    file.write_text(head + serving)
    return file


def edited(file: Path, command: Callable[[str, str], int]) -> str:
    """The endpoints in the file afterwards."""
    assert command("dev", "digits") == 0
    assert load(file).serving["digits"].canary is None
    return file.read_text().partition("    serving:\n")[2]


@pytest.mark.parametrize("example", [DEV, PROD], ids=lambda file: file.name)
@pytest.mark.parametrize("text", [FLOW, BLOCK, IMAGE, BOTH], ids=["flow", "block", "image", "both"])
def test_a_rollback_leaves_the_file_as_it_was_before_the_canary(folder: Path, example: Path, text: str) -> None:
    file, above, below = with_canary(folder, example, text)
    file.chmod(0o640)
    assert canary.roll_back(example.stem, "digits") == 0
    # The empty line below the block stays.
    assert file.read_bytes() == (above + ("\n" if text == BLOCK else "") + below).encode()
    assert file.stat().st_mode & 0o777 == 0o640
    assert sorted(each.name for each in folder.iterdir()) == [file.name, "images"]


@pytest.mark.parametrize("example", [DEV, PROD], ids=lambda file: file.name)
@pytest.mark.parametrize(
    ("text", "left"),
    [(FLOW, "        version: 7\n"), (BLOCK, "        version: 7\n\n")],
    ids=["flow", "block"],
)
def test_a_version_takes_the_place_of_the_canary(folder: Path, example: Path, text: str, left: str) -> None:
    file, above, below = with_canary(folder, example, text)
    assert canary.promote(example.stem, "digits") == 0
    assert file.read_bytes() == (above + left + below).encode()
    assert load(file, values=False).serving["digits"].version == 7


@pytest.mark.parametrize("example", [DEV, PROD], ids=lambda file: file.name)
def test_a_version_and_an_image_that_are_written_are_replaced(folder: Path, example: Path) -> None:
    file, above, below = with_canary(folder, example, f"        version:  6   # the best so far\n{BOTH}")
    assert canary.promote(example.stem, "digits") == 0
    start, _, end = above.rpartition("image: serving")
    assert file.read_text() == f"{start}image: training{end}        version:  7   # the best so far\n{below}"


def test_an_image_alone_leaves_the_version(folder: Path) -> None:
    file, above, below = with_canary(folder, DEV, f"        version: 6\n{IMAGE}")
    assert canary.promote("dev", "digits") == 0
    start, _, end = above.rpartition("image: serving")
    assert file.read_text() == f"{start}image: training{end}        version: 6\n{below}"


@pytest.mark.parametrize(
    ("written", "promoted", "rolled_back"),
    [
        (
            f"digits: {{{ENDPOINT}, canary: {{version: 7, percent: 1}}}}",
            f"digits: {{{ENDPOINT}, version: 7}}",
            f"digits: {{{ENDPOINT}}}",
        ),
        (
            f"digits: {{canary: {{version: 7, percent: 1}},  {ENDPOINT}}}  # comment",
            f"digits: {{version: 7,  {ENDPOINT}}}  # comment",
            f"digits: {{{ENDPOINT}}}  # comment",
        ),
        (
            f"'digits': {{version: 6, 'canary': {{version: 7, percent: 1}}, {ENDPOINT}}}",
            f"'digits': {{version: 7, {ENDPOINT}}}",
            f"'digits': {{version: 6, {ENDPOINT}}}",
        ),
        (
            f"digits: {{\n        {ENDPOINT},\n        canary: {{version: 7, percent: 1}},\n      }}",
            f"digits: {{\n        {ENDPOINT},\n        version: 7,\n      }}",
            f"digits: {{\n        {ENDPOINT},\n      }}",
        ),
        (
            f"digits:\n        <<: {{{ENDPOINT}}}\n        version:   # none yet\n        canary: {{\n"
            "          version: 7,\n          percent: 1 }  # of 100\n      # below",
            f"digits:\n        <<: {{{ENDPOINT}}}\n        version: 7   # none yet\n      # below",
            f"digits:\n        <<: {{{ENDPOINT}}}\n        version:   # none yet\n      # below",
        ),
    ],
    ids=["last", "first", "middle", "lines", "merge"],
)
@pytest.mark.parametrize("end", ["\n", ""], ids=["newline", "no newline"])
def test_other_styles(folder: Path, written: str, promoted: str, rolled_back: str, end: str) -> None:
    assert edited(sample(folder, f"      {written}{end}"), canary.promote) == f"      {promoted}{end}"
    assert edited(sample(folder, f"      {written}{end}"), canary.roll_back) == f"      {rolled_back}{end}"


@pytest.mark.parametrize(
    "style",
    [
        "{{dataset: llama, file: a.gguf, sha256: {digest}}}",
        "\n          dataset: llama\n          file: a.gguf\n          sha256: {digest}",
    ],
    ids=["flow", "block"],
)
def test_weights_take_the_place_of_those_of_the_endpoint(folder: Path, style: str) -> None:
    old, new = "0123456789abcdef" * 4, "fedcba9876543210" * 4
    declared = (
        "      digits:\n        team: vision\n        engine: llm\n        image: llm\n        apiKey: key\n"
        "        expose: {host: a.example.com}\n"
    )
    served = f"        weights: {style.format(digest=old)}\n"
    other = f"{{dataset: llama, file: models/b.gguf, sha256: {new}}}"
    head = SAMPLE.replace("gateway: {}", "gateway: {}\n    datasets: {llama: {team: vision, volume: {claim: llama}}}")
    serving = f"{declared}{served}        canary: {{weights: {other}, percent: 1}}\n"
    assert edited(sample(folder, serving, head), canary.roll_back) == f"{declared}{served}"
    file = sample(folder, serving, head)
    after = edited(file, canary.promote)
    assert (after.startswith(f"{declared}        weights:"), after.count(old), after.count(other)) == (True, 0, 1)
    found = load(file).serving["digits"].weights
    assert found is not None
    assert (found.file, found.sha256) == ("models/b.gguf", new)
    with pytest.raises(CommandError, match="endpoint digits has no canary") as refusal:
        canary.roll_back("dev", "digits")
    assert "write platform.serving.digits.weights: <earlier weights>" in refusal.value.hint


def test_a_version_by_an_alias_is_replaced_where_it_is_used(folder: Path) -> None:
    head = SAMPLE.replace("gateway: {}", "gateway: {replicas: &two 2}")
    file = sample(folder, f"      digits: {{version: *two, {ENDPOINT}, canary: {{version: 7, percent: *two}}}}\n", head)
    assert edited(file, canary.promote) == f"      digits: {{version: 7, {ENDPOINT}}}\n"
    assert file.read_text().startswith(head)


def test_the_canary_may_be_an_alias(folder: Path) -> None:
    other = f"      other: {{{ENDPOINT.replace('a.ex', 'b.ex')}, canary: &c {{version: 7, percent: 1}}}}\n"
    file = sample(folder, f"{other}      digits:\n        <<: {{{ENDPOINT}}}\n        canary: *c\n")
    assert edited(file, canary.promote) == f"{other}      digits:\n        <<: {{{ENDPOINT}}}\n        version: 7\n"
    assert load(file).serving["other"].canary is not None


@pytest.mark.parametrize(
    ("serving", "why"),
    [
        (
            f"      digits: &d {{{ENDPOINT}, canary: {{version: 7, percent: 1}}}}\n"
            "      other: {<<: *d, expose: {host: b.example.com}}\n",
            "Pulumi.dev.yaml: platform.serving.digits: other settings would change too, by an alias (*name) or a merge",
        ),
        (
            f"      digits:\n        <<: {{{ENDPOINT}, canary: {{version: 7, percent: 1}}}}\n",
            "Pulumi.dev.yaml: platform.serving.digits.canary: is merged by <<, from settings that others may share",
        ),
        (
            f"      <<: {{digits: {{{ENDPOINT}, canary: {{version: 7, percent: 1}}}}}}\n",
            "Pulumi.dev.yaml: platform.serving.digits: is an alias (*name), or merged by <<; write the settings",
        ),
        (
            f"      digits: {{{ENDPOINT}, canary: &c {{version: 7, percent: 1}}}}\n"
            f"      other: {{{ENDPOINT.replace('a.ex', 'b.ex')}, canary: *c}}\n",
            "undefined alias",
        ),
        (
            f"      digits: {{{ENDPOINT},  # vision\n        canary: {{version: 7, percent: 1}}}}\n",
            "Pulumi.dev.yaml: platform.serving.digits: has a comment between { and }; write it in block style",
        ),
        (
            f"      digits:\n        ? canary\n        : {{version: 7, percent: 1}}\n        <<: {{{ENDPOINT}}}\n",
            "Pulumi.dev.yaml: platform.serving.digits.canary: its key is not the first text of its line",
        ),
    ],
    ids=["merged elsewhere", "merged", "merged endpoint", "alias elsewhere", "comment in flow style", "explicit key"],
)
@pytest.mark.parametrize("command", [canary.promote, canary.roll_back])
def test_what_cannot_be_changed_alone_is_refused(
    folder: Path, serving: str, why: str, command: Callable[[str, str], int]
) -> None:
    file = sample(folder, serving)
    assert load(file).serving["digits"].canary
    before = file.read_bytes()
    with pytest.raises(CommandError) as refusal:
        command("dev", "digits")
    assert why in refusal.value.why
    assert refusal.value.what == "Pulumi.dev.yaml can't be edited automatically"
    assert refusal.value.hint.startswith("nothing was changed; edit it by hand: ")
    assert refusal.value.hint.endswith("remove platform.serving.digits.canary")
    assert file.read_bytes() == before
    assert sorted(each.name for each in folder.iterdir()) == [file.name, "images"]


def test_a_second_time_there_is_no_canary(folder: Path) -> None:
    file, *_ = with_canary(folder, DEV, FLOW)
    canary.promote("dev", "digits")
    before = file.read_bytes()
    with pytest.raises(CommandError, match="endpoint digits has no canary") as refusal:
        canary.promote("dev", "digits")
    assert refusal.value.why == "Pulumi.dev.yaml: platform.serving.digits: no canary is declared"
    with pytest.raises(CommandError, match="endpoint digits has no canary") as refusal:
        canary.roll_back("dev", "digits")
    assert "write platform.serving.digits.version: <earlier version>" in refusal.value.hint
    assert file.read_bytes() == before


@pytest.mark.parametrize("command", ["promote", "rollback"])
@pytest.mark.parametrize(
    ("stack", "endpoint", "lines"),
    [
        ("dev", "digit", ["stack dev has no endpoint 'digit'; did you mean 'digits'?"]),
        ("dev", "", ["stack dev has no endpoint ''; known: digits", "write ENDPOINT=name"]),
        ("test", "digits", ["no stack test", "Pulumi.test.yaml does not exist", "STACK is one of dev"]),
    ],
)
def test_mistakes_are_named(
    folder: Path, command: str, stack: str, endpoint: str, lines: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with_canary(folder, DEV, FLOW)
    assert main([command, "--stack", stack, "--endpoint", endpoint]) == 1
    printed = capsys.readouterr().err
    assert [line for line in lines if line not in printed] == []


def test_a_link_keeps_leading_to_the_file(folder: Path) -> None:
    file, *_ = with_canary(folder, DEV, FLOW)
    target = file.rename(folder / "elsewhere.yaml")
    file.symlink_to(target)
    canary.roll_back("dev", "digits")
    assert file.is_symlink()
    assert "canary" not in target.read_text()


def test_a_file_that_cannot_be_written_stays_as_it_was(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    file, *_ = with_canary(folder, DEV, FLOW)
    before = file.read_bytes()
    monkeypatch.setattr(shutil, "copymode", full)
    with pytest.raises(CommandError, match="can't be written") as refusal:
        canary.promote("dev", "digits")
    assert refusal.value.why == "No space left on device"
    assert file.read_bytes() == before
    assert sorted(each.name for each in folder.iterdir()) == [file.name, "images"]


def test_an_invalid_file_is_refused(folder: Path) -> None:
    file = sample(folder, f"      digits: {{{ENDPOINT}, canary: {{version: 7, percent: 101}}}}\n")
    with pytest.raises(CommandError, match=r"Pulumi\.dev\.yaml is invalid") as refusal:
        canary.roll_back("dev", "digits")
    assert "platform.serving.digits.canary.percent" in refusal.value.why
    assert "101" in file.read_text()


def test_the_difference_and_the_next_step_are_printed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with_canary(folder, DEV, f"        version: 6\n{FLOW}")
    assert main(["promote", "--endpoint", "digits"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[:2] == ["--- Pulumi.dev.yaml", "+++ Pulumi.dev.yaml"]
    changes = ["-        version: 6", f"-{FLOW.rstrip()}", "+        version: 7"]
    assert [line for line in printed[2:] if line[0] in "+-"] == changes
    assert printed[-1].endswith("nothing is deployed yet. Review and commit the change, then run `make up STACK=dev`.")
