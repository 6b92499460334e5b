"""Stack files that differ from the examples by odd types, YAML, extremes and names; the same in every run."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from random import Random

import yaml

from tests.examples import CLUSTER, DEV, PROD

COUNT = 300
FEW_LINES = 4
"""The whole file in one line of JSON, for instance."""
PLATFORM = "ml-platform:platform"

_PLAIN = r"""
yes no on off y n Yes NO On true True TRUE tRUE false null Null NULL ~ = << 1e3 1e-3 1E5 1.0e+3 1.5e3 .5 -.5 +.5
.5e3 5. 0777 0o777 0O7 08 09.5 0x1F 0X1F -0x1F 0b101 0B1 0b12 0x_ 1_000 1__0 _1 1_ 0_7 0_8 +1 -0 -0.0 0.10 2.0
1:30 1:30:00 08:00 190:20:30.15 2026-02-03 2026-2-3 2026-02-30 2026-13-45 2026-02-03T10:00:00Z .inf -.inf +.INF
.nan .NaN inf NaN 9223372036854775807 9223372036854775808 -9223372036854775808 18446744073709551616 1e400
1.0e+400 1.5e+300 1.0e-9 0.1 !Ref *x &x @a `a %a |a -a :a a:b a#b 1.2.3 12e03 0e0 1e 0.0.0.0 1,5 ü 😀
{{team}} {a} [a] 'it''s' 'yes' '1e3' '' "" "\x07" "\0" "\ud800" "\UFFFFFFFF" "a\tb" "a\nb"
"\u2028" "\u00fc" "\N" "\_" "~" "null" "<<" "="
"""
PLAIN = _PLAIN.split()
"""Scalars as a person may write them."""
_NAMES = r"on n y no null 1e3 08 0x1 2026-02-03 a.b Digits digits\n secure - a--b x1 ü trüe x* ~"
NAMES = [*_NAMES.split(), "x" * 64]
_EXTREMES = """
0 -1 999999999999 99999999999999999999 1.5 999999999h 99999999999999999999s 8761h 999999999Ti 0Gi 99999999999m
1.0e+18 99999999999999d 1000000000000000d 0.0.0.0/0 999.1.1.1/33 '\u0663' '1\uff12Gi'
"""
_LONG = ("a" * 9999, "a" * 20000, "9" * 5000, "'" + "(" * 3000 + "'", "a-" * 3000 + "!", "'" + "<>,@" * 500 + "'")
EXTREMES = [*_EXTREMES.split(), *_LONG]
LETTERS = "0123456789+-._:eExXoObnyYTtfN~<=! _"

Mutation = Callable[[str, Random], str]


def stack_files() -> Iterator[tuple[str, bytes]]:
    """Name and content of each."""
    for number in range(COUNT):
        rng = Random(number)
        text = rng.choice([DEV, DEV, CLUSTER, PROD]).read_text()
        for mutation in rng.choices(MUTATIONS, k=rng.choice([1, 1, 2])):
            text = mutation(text, rng)
        yield f"Pulumi.case{number}.yaml", text.encode("utf-8", "surrogatepass")


def tokens() -> Sequence[str]:
    """Scalars without quotes that fit on one line of a flow sequence: all of the above, and random ones."""
    rng = Random(0)
    drawn = ["".join(rng.choices(LETTERS, k=rng.randint(1, 7))).strip() for _ in range(3000)]
    dates = [f"{year}-{month}-{day}" for year in ("2026", "26") for month in ("1", "02", "13") for day in ("3", "30")]
    return [token for token in dict.fromkeys([*PLAIN, *NAMES, *dates, *drawn]) if token]


def texts() -> Sequence[str]:
    """Texts of one or several lines, to be written in quotes."""
    rng = Random(0)
    parts = [
        "a",
        "b ",
        "  c",
        "\n",
        "\n\n",
        "\t",
        "# d",
        ": ",
        "- ",
        "'",
        '"',
        "\\",
        "ü",
        " ",
        "...",
        "---",
        "😀",
        "\xa0",
    ]
    return sorted({"".join(rng.choices(parts, k=rng.randint(1, 7))) for _ in range(3000)})


def _scalars(text: str) -> list[yaml.ScalarNode]:
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError):
        return []
    found: list[yaml.ScalarNode] = []
    seen: set[int] = set()

    def walk(node: yaml.Node | None) -> None:
        if id(node) in seen:  # an alias
            return
        seen.add(id(node))
        if isinstance(node, yaml.ScalarNode):
            found.append(node)
        for child in node.value if isinstance(node, yaml.CollectionNode) else ():
            for each in child if isinstance(child, tuple) else (child,):
                walk(each)

    walk(node)
    return found[2:]  # without the keys of the file itself


def _replace(text: str, rng: Random, replacement: Callable[[str], str]) -> str:
    scalars = _scalars(text)
    if not scalars:
        return text
    node = rng.choice(scalars)
    return text[: node.start_mark.index] + replacement(node.value) + text[node.end_mark.index :]


def _odd_scalar(text: str, rng: Random) -> str:
    return _replace(text, rng, lambda _: rng.choice(PLAIN))


def _extreme(text: str, rng: Random) -> str:
    return _replace(text, rng, lambda _: rng.choice(EXTREMES))


def _other_spelling(text: str, rng: Random) -> str:
    """The same value, as far as its writer knows."""
    spellings: list[Callable[[str], str]] = [
        json.dumps,
        lambda value: f"'{value}'",
        lambda value: f"{value}.0",
        lambda value: f"+{value}",
        lambda value: f"0{value}",
        lambda value: f"!!str {value}",
        lambda value: f"&a {value}",
        lambda value: value.title(),
        lambda value: value.upper(),
        lambda value: f"{value}\t",
        lambda value: f"{value} # {value}",
    ]
    return _replace(text, rng, rng.choice(spellings))


def _free_texts(text: str, rng: Random) -> str:
    """As arguments of a job, where any text is valid."""
    items = rng.choices([*PLAIN, *map(json.dumps, PLAIN)], k=rng.randint(1, 4))
    return text.replace(
        "        image: training\n", f"        image: training\n        args: [{', '.join(items)}]\n", 1
    )


def _block_texts(text: str, rng: Random) -> str:
    style = rng.choice(["|", "|-", "|+", ">", ">-", ">+", "|2", "plain", "quoted"])
    lines = rng.choices(["a", " b", "", "c: d", "# e", "no", "1e3", "f  ", "- g", "ü"], k=rng.randint(1, 5))
    body = "".join(f"            {line}\n" if line else "\n" for line in lines)
    opening = {"plain": "", "quoted": '"'}.get(style, style)
    item = f"          - {opening}\n{body}" + ('            "\n' if style == "quoted" else "")
    return text.replace("        image: training\n", f"        image: training\n        args:\n{item}", 1)


def _empty(text: str, rng: Random) -> str:
    """Nothing under a section or after a key."""
    lines = text.splitlines(keepends=True)
    if len(lines) < FEW_LINES:
        return text
    position = rng.randrange(2, len(lines))
    lines[position] = re.sub(r":.*", ":", lines[position])
    end = position + 1
    depth = len(lines[position]) - len(lines[position].lstrip())
    while rng.random() < 0.9 and end < len(lines) and len(lines[end]) - len(lines[end].lstrip()) > depth:
        end += 1
    return "".join([*lines[:position], lines[position].rstrip("\n") + "\n", *lines[end:]])


def _renamed(text: str, rng: Random) -> str:
    old = rng.choice(["digits", "vision", "training", "speech", "a10g", "l4", "digits-key", "vision-leads", "on-call"])
    return re.sub(rf"\b{old}\b", lambda _: new, text) if (new := rng.choice(NAMES)) else text


def _lines(text: str, rng: Random) -> str:
    lines = text.splitlines(keepends=True)
    if len(lines) < FEW_LINES:
        return text
    position = rng.randrange(1, len(lines))
    change: Callable[[str], str] = rng.choice(
        [
            lambda line: "",
            lambda line: line * 2,
            lambda line: f" {line}",
            lambda line: line.replace("  ", "\t", 1),
            lambda line: line.rstrip("\n") + "}\n",
            lambda line: line[: len(line) // 2],
            lambda line: line.replace(":", "", 1),
        ]
    )
    lines[position] = change(lines[position])
    return "".join(lines)


def _whole(text: str, rng: Random) -> str:
    """The file as such: line ends, marks, other styles, anchors and merges."""
    anchored = text.replace("    images:\n", "    images: &images\n", 1)
    changes: list[Callable[[], str]] = [
        lambda: text.replace("\n", "\r\n"),
        lambda: f"\ufeff{text}",
        lambda: f"---\n{text}...\n",
        lambda: f"%YAML 1.{rng.choice('123')}\n---\n{text}",
        lambda: f"{text}---\nconfig: {{}}\n",
        lambda: json.dumps(yaml.safe_load(text)),
        lambda: yaml.safe_dump(yaml.safe_load(text), default_style=rng.choice(['"', "'", "|", ">"])),
        lambda: yaml.safe_dump(yaml.safe_load(text), default_flow_style=True, width=rng.choice([20, 1000])),
        lambda: anchored + "    <<: {monitoring: {}, limits: {gpus: 3}}\n",
        lambda: anchored + "    <<: [{limits: {gpus: 3}}, {limits: {gpus: 4}, models: {}}]\n",
        lambda: anchored + "    <<: *images\n",
        lambda: anchored + "    limits: &x {gpus: 3, <<: *x}\n",
        lambda: anchored + "    limits: &x [*x]\n",
        lambda: anchored + "    tracking: {timeout: &five 5m}\n    rotations: {tracking: 1, status: *five}\n",
        lambda: text + "    ? [a]\n    : b\n",
        lambda: text + "  aws:region: eu-central-1\n  other:on: off\n",
        lambda: text + "  platform: {}\n",
        lambda: text + "    limits: {gpus: " + "[" * rng.choice([60, 2000]) + "\n",
        lambda: text + "".join(f"    x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 9 if n else 'a')}]\n" for n in range(8)),
        lambda: text.replace("vision", "v\x85"),
        lambda: text + "    teams: " + "{a: " * 30 + "b" + "}" * 30 + "\n",
        lambda: text.replace("images:\n", "images:\n      x: {args: {secure: v1:a}}\n", 1),
    ]
    try:
        return rng.choice(changes)()
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError, TypeError):
        return text


MUTATIONS: Sequence[Mutation] = (
    _odd_scalar,
    _odd_scalar,
    _extreme,
    _other_spelling,
    _other_spelling,
    _free_texts,
    _free_texts,
    _block_texts,
    _empty,
    _renamed,
    _lines,
    _whole,
    _whole,
)
