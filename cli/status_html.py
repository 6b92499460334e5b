"""`make status HTML=status.html`: the platform's status page as one self-contained file."""

from pathlib import Path

import requests

from cli import preflight, stack
from cli.forward import forward
from common.console import console
from common.errors import CommandError

SECONDS = 60
"""The page itself gives up on servers that don't answer well before that."""


def write(name: str, out: Path) -> int:
    """Fetch a snapshot of the page of stack `name` and write it to `out`; the exit code."""
    declared = preflight.declaration(name)
    if not stack.exists(name):
        raise CommandError(f"stack {name} is not up on this machine", hint="run `make up`")
    page = stack.outputs(name, reveal=True).get("status")
    if page is None:
        raise CommandError(f"stack {name} has no status page yet", hint="run `make up`")
    where = (page["namespace"], page["service"], page["port"])
    context = preflight.kube_context(declared, name)
    with forward(*where, context, stack.environment(context)) as address:
        text = fetch(address, page["username"], page["password"])
    keep(out, text)
    console.print(f"[bold]{out}[/]  {len(text.encode()) / 1024:.0f} KiB; open it in a browser")
    return 0


def fetch(address: str, username: str, password: str) -> str:
    """The snapshot; errors contain the page's message."""
    try:
        answer = requests.get(f"{address}/snapshot", auth=(username, password), timeout=SECONDS)
    except requests.RequestException as error:
        raise CommandError("the status page does not answer", str(error), hint="run `make up`") from None
    if not answer.ok:
        why = f"{answer.status_code}: {answer.text.strip()[:200]}"
        raise CommandError("the status page refused the request", why, hint="run `make up`")
    answer.encoding = "utf-8"
    return answer.text


def keep(out: Path, text: str) -> None:
    """Write atomically."""
    beside = out.with_name(f".{out.name}.part")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(out)
    except OSError as error:
        raise CommandError(
            f"{out} can't be written", error.strerror or str(error), hint="write another HTML="
        ) from None
