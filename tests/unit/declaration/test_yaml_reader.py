"""One meaning of a stack file: what YAML readers read differently, or not at all, is refused with its place."""
# ruff: noqa: E501 - a message is one line

from __future__ import annotations

import time
from pathlib import Path

import pytest
import yaml

from infra.declaration.loader import load, read_config
from infra.declaration.problems import DeclarationError
from infra.declaration.yaml_reader import LONGEST_FILE, engine_value
from tests.unit.declaration.samples import small

HEAD = "config:\n  ml-platform:platform:\n"
READERS = "depending on the YAML reader; put it in quotes"


def refused(root: Path, content: str | bytes) -> list[str]:
    """The lines without the file's name."""
    file = root / "Pulumi.x.yaml"
    file.write_bytes(content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content)
    with pytest.raises(DeclarationError) as error:
        load(file)
    return [line.removeprefix("Pulumi.x.yaml: ") for line in str(error.value).splitlines()]


def setting(root: Path, text: str) -> object:
    """What an unquoted or quoted setting is read as."""
    file = root / "Pulumi.x.yaml"
    file.write_text(f"{HEAD}    x: {text}\n", encoding="utf-8")
    config, problems = read_config(file)
    assert problems == []
    return config["ml-platform:platform"]["x"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("protectData: no", f"protectData: line 3, column 18: 'no' is text or false, {READERS}, or write false"),
        ("managed: yes", f"managed: line 3, column 14: 'yes' is text or true, {READERS}, or write true"),
        ("args: [--lr, 1e-3]", f"args.1: line 3, column 18: '1e-3' is 0.001 or text, {READERS}, or write 0.001"),
        ("a: 0o17", f"a: line 3, column 8: '0o17' is 15 or text, {READERS}, or write 15"),
        ("a: 08", f"a: line 3, column 8: '08' is 8 or text, {READERS}, or write 8"),
        ("a: 12:30:45", f"a: line 3, column 8: '12:30:45' is text or 45045, {READERS}, or write 45045"),
        ("a: -.5", f"a: line 3, column 8: '-.5' is -0.5 or text, {READERS}, or write -0.5"),
        ("a: =", f"a: line 3, column 8: '=' is text or not valid, {READERS}"),
        ("a: 2026-02-30", f"a: line 3, column 8: '2026-02-30' is a date or not valid, {READERS}"),
        ("a: 2026-2-3", f"a: line 3, column 8: '2026-2-3' is a date or text, {READERS}"),
        ("a: 2026-02-03", "a: line 3, column 8: '2026-02-03' is a date to YAML readers; put it in quotes"),
        ("a: .inf", "a: line 3, column 8: '.inf' is a number out of range to YAML readers; put it in quotes"),
        (f"a: {2**63}", f"a: line 3, column 8: '{2**63}' is a number out of range to YAML readers; put it in quotes"),
        ("on: {}", f"on: line 3, column 5: 'on' is text or true, {READERS}, or write true"),
        ("1: {}", "1: line 3, column 5: the key '1' is 1; put it in quotes"),
        ("~: {}", "~: line 3, column 5: the key '~' is nothing; put it in quotes"),
        ("a: {{ team }}", "a: line 3, column 9: a key must be text; put it in quotes, also a template such as {{ name }}"),
        ("? [a]\n    : b", "line 3, column 7: a key must be text; put it in quotes, also a template such as {{ name }}"),
        ("a: {'<<': 1}", "a: line 3, column 9: the engine reads the key '<<' as a merge, also in quotes; write another name"),
        ("<<: [x]", "<<: line 3, column 10: expected a mapping; write an alias of one, such as *defaults"),
        ('a: "\\ud800"', r"a: line 3, column 8: has the character '\ud800'; remove it"),
        ('a: "\\0"', r"a: line 3, column 8: has the character '\x00'; remove it"),
        ('a: "\\nb"', "a: line 3, column 8: begins with a space or an empty line, which Pulumi's engine changes in a text of several lines; remove it"),
        (f"a: {'x' * 10_001}", "a: line 3, column 8: has 10001 characters; write at most 10000"),
        ("a: {secure: v1:a}", "a: 'secure' marks an encrypted value, which can't be in the declaration; declare a secret under 'secrets', or write another name"),
    ],
)  # fmt: skip
def test_what_readers_read_differently_is_refused_with_its_place(root: Path, line: str, message: str) -> None:
    path = "" if message.startswith("line ") else "."
    assert refused(root, f"{HEAD}    {line}\n") == [f"platform{path or ': '}{message}"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (f"{HEAD}    a: !Ref x\n", "line 3, column 8: the tag '!Ref' is not supported; write the value without it"),
        (f"{HEAD}    a: !!str 3\n", "line 3, column 8: the tag 'tag:yaml.org,2002:str' is not supported; write the value without it"),
        ("config: {on: true}\n", f"config.on: line 1, column 10: 'on' is text or true, {READERS}, or write true"),
        ("config: {{ all }}\n", "config: line 1, column 10: a key must be text; put it in quotes, also a template such as {{ name }}"),
        ("config: {platform: {}}\n", "config: the key 'platform' has no project; write <project>:<name> as in ml-platform:platform"),
        ("config: {ml-platform:config:platform: {}}\n", "config: the key 'ml-platform:config:platform' has no project; write <project>:<name> as in ml-platform:platform"),
        ('config: "\\UFFFFFFFF"\n', r'has an escape such as "\UFFFFFFFF" that is no character; remove it'),
        ("config: a\x01\n", r"line 1: invalid YAML: the character '\x01' is not allowed; remove it"),
        ("%YAML 1.3\n---\nconfig: {}\n", "line 1, column 1: directives (%YAML, %TAG) are not supported; remove them"),
        ("a: 1\n---\nb: 2\n", "line 2, column 1: invalid YAML: but found another document"),
        (f"{HEAD}    a: &a [*a]\n", "line 3, column 8: an alias (*name) contains itself, or aliases are nested too deeply; write the values themselves"),
        (f"{HEAD}    a: &a {{<<: *a}}\n", "line 3, column 8: an alias (*name) contains itself, or aliases are nested too deeply; write the values themselves"),
        (f"{HEAD}    a: {'[' * 5000}\n", "line 3, column 46: more than 40 levels are not supported; write fewer"),
        (b"config: \xff\n", "is not UTF-8 text"),
        ("#" * (LONGEST_FILE + 1), "is too large; write at most 256 KiB"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_one_line(root: Path, content: str | bytes, message: str) -> None:
    assert refused(root, content) == [message]


def test_aliases_that_repeat_each_other_are_refused_at_once(root: Path) -> None:
    bomb = "".join(f"    x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 9 if n else 'a')}]\n" for n in range(9))
    begin = time.process_time()
    (line,) = refused(root, HEAD + bomb)
    assert line.endswith(": aliases (*name) repeat too much; write the values themselves")
    assert time.process_time() - begin < 1


def test_aliases_and_merges_that_repeat_little_are_accepted(root: Path) -> None:
    file = root / "Pulumi.x.yaml"
    text = yaml.safe_dump({"config": {"ml-platform:platform": small(teams={})}}).replace("teams: {}\n", "teams:\n")
    team = "      vision: &team {quota: &quota {cpu: 12, memory: 32Gi}}\n      speech: {<<: *team, quota: {<<: *quota, cpu: 4}}\n"
    file.write_text(text.replace("    teams:\n", f"    teams:\n{team}"))
    quota = load(file).teams["speech"].quota
    assert quota is not None
    assert (quota.cpu, quota.memory) == ("4", "32Gi")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None), ("~", None), ("null", None), ("TRUE", True), ("false", False), ("tRUE", "tRUE"), ("y", "y"),
        ("0777", 511), ("0x1F", 31), ("0b11", 3), ("1_000", 1000), ("+1", 1), ("-0", 0), ("2.0", 2), ("1.5", 1.5),
        ("1.0e+3", 1000), ("'no'", "no"), ('"1e-3"', "1e-3"), ("'<<'", "<<"), ("08:00", "08:00"), ("1.2.3", "1.2.3"), ("ü", "ü"),
    ],
)  # fmt: skip
def test_what_all_readers_read_alike_is_accepted(root: Path, text: str, value: object) -> None:
    found = setting(root, text)
    assert (type(found), found) == (type(value), value)


def test_the_engines_reader_has_no_date_and_no_infinity() -> None:
    assert not isinstance(engine_value("2026-02-03"), str)
    assert not isinstance(engine_value("-.inf"), float)
    assert engine_value("1e400") == "1e400"
