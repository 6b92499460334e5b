"""Pulumi's engine reads what `check` accepts as `check` does: values of any type, and whole stack files."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.declaration.loader import load, read_config
from infra.declaration.problems import DeclarationError
from infra.declaration.yaml_reader import read
from tests.pulumi_engine import STACK, Pulumi, find_engine
from tests.unit.declaration.mutations import COUNT, PLATFORM, stack_files, texts, tokens
from tests.unit.declaration.samples import REPOSITORY

LEAST_ACCEPTED = COUNT // 6
"""With fewer, the comparison would say little."""


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pulumi]:
    if find_engine() is None:
        pytest.skip("no pulumi on this machine: set ML_PLATFORM_BIN to the folder that holds it")
    with Pulumi(tmp_path_factory.mktemp("readers"), project="ml-platform") as pulumi:
        yield pulumi


def settings(engine: Pulumi, file: Path) -> dict[str, Any]:
    """Each setting that is not encrypted, as the engine passes it to the program."""
    done = subprocess.run(
        [engine.bin / "pulumi", "config", "--json", "--stack", STACK, "--config-file", file],
        cwd=engine.folder,
        env=engine.env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{file.name}: {done.stderr}\n{file.read_text()}"
    return {key: json.loads(each["value"]) for key, each in json.loads(done.stdout).items() if "objectValue" in each}


def typed(value: object) -> object:
    """Such that True, 1 and 1.0 differ."""
    if isinstance(value, dict):
        return {key: typed(each) for key, each in value.items()}
    if isinstance(value, list):
        return [typed(each) for each in value]
    return type(value).__name__, value


def document(items: Mapping[str, str]) -> str:
    """A stack file with scalars by names."""
    lines = [f"    {json.dumps(name, ensure_ascii=False)}: {scalar}" for name, scalar in items.items()]
    return "\n".join(["config:", f"  {PLATFORM}:", *lines, ""])


def judged(scalars: Mapping[str, str]) -> tuple[dict[str, object], dict[str, str]]:
    """What is accepted, with its value, and what is refused, with the reason."""
    accepted, refused = {}, {}
    for name, scalar in scalars.items():
        content, problems = read(document({"x": scalar}))
        if problems:
            refused[name] = problems[0].message
        else:
            accepted[name] = content["config"][PLATFORM]["x"]
    return accepted, refused


def other_reader(text: str) -> object:
    """As PyYAML reads it, apart from the difference between 2.0 and 2."""
    try:
        value = yaml.safe_load(f"x: {text}")["x"]
    except (yaml.YAMLError, ValueError):
        return "not valid", text
    return int(value) if isinstance(value, float) and value.is_integer() else value


def differing(one: Mapping[str, object], other: Mapping[str, object]) -> dict[str, tuple[object, object]]:
    assert one.keys() == other.keys()
    return {name: (one[name], other[name]) for name in one if typed(one[name]) != typed(other[name])}


def test_a_scalar_without_quotes_means_the_same_to_all_readers_or_is_refused(engine: Pulumi, tmp_path: Path) -> None:
    accepted, refused = judged({token: token for token in tokens()})
    file = tmp_path / "Pulumi.tokens.yaml"
    file.write_text(document({token: token for token in accepted}))
    assert differing(settings(engine, file)[PLATFORM], accepted) == {}
    assert differing({token: other_reader(token) for token in accepted}, accepted) == {}
    ambiguous = [token for token, why in refused.items() if "depending on" in why and "date" not in why]
    file.write_text(document({f"k{n}": token for n, token in enumerate(ambiguous)}))
    found = settings(engine, file)[PLATFORM]
    assert [token for n, token in enumerate(ambiguous) if typed(other_reader(token)) == typed(found[f"k{n}"])] == []


def test_a_merge_means_the_same(engine: Pulumi, tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.merges.yaml"
    file.write_text(
        f"""config:
  {PLATFORM}:
    base: &base {{a: 1, b: 1, c: {{d: 1, e: 1}}, n: }}
    more: &more {{<<: *base, b: 2, m: 2}}
    one: {{<<: *more, a: 3, c: {{e: 3}}}}
    two: {{b: 4, <<: [*more, *base, {{z: 4, m: 4}}]}}
    three: {{n: 5, <<: {{<<: {{<<: *more, y: 5}}, y: 6}}}}
    four: {{<<: *base, <<<: 1}}
    five: [*base, *base, {{<<: *base}}]
"""
    )
    config, problems = read_config(file)
    assert problems == []
    assert differing(settings(engine, file)[PLATFORM], config[PLATFORM]) == {}


def test_a_text_in_quotes_is_read_as_it_is_or_refused(engine: Pulumi, tmp_path: Path) -> None:
    accepted, refused = judged({text: json.dumps(text, ensure_ascii=False) for text in texts()})
    assert all("begins with" in why for why in refused.values())
    file = tmp_path / "Pulumi.texts.yaml"
    file.write_text(document({f"k{n}": json.dumps(text, ensure_ascii=False) for n, text in enumerate(accepted)}))
    found = settings(engine, file)[PLATFORM]
    assert differing({text: found[f"k{n}"] for n, text in enumerate(accepted)}, accepted) == {}
    assert list(accepted) == list(accepted.values())


def test_the_engine_reads_every_accepted_stack_file_alike(engine: Pulumi, tmp_path: Path) -> None:
    (tmp_path / "images").symlink_to(REPOSITORY / "images")
    accepted = []
    for name, content in stack_files():
        file = tmp_path / name
        file.write_bytes(content)
        try:
            load(file)
        except DeclarationError:
            continue
        accepted.append(file)
    assert len(accepted) >= LEAST_ACCEPTED
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda file: settings(engine, file), accepted))
    for file, by_engine in zip(accepted, found, strict=True):
        config, problems = read_config(file)
        assert problems == []
        assert typed(by_engine[PLATFORM]) == typed(config[PLATFORM]), file.read_text()
