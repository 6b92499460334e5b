"""Progress of long commands, on a terminal or in a log."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from common.errors import CommandError

console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 160)
"""Lines of a log are not wrapped at 80 columns; a terminal has its own width."""

Report = Callable[[str], None]
"""Called by a step with what it is doing now."""


@dataclass
class Step:
    """One line of progress. It is running until `ended` is set; times are seconds of the monotonic clock."""

    title: str
    detail: str = ""
    began: float = field(default_factory=time.monotonic)
    ended: float | None = None
    failed: bool = False

    @property
    def seconds(self) -> float:
        return (self.ended or time.monotonic()) - self.began

    def say(self, detail: str) -> None:
        """Replace the detail behind the title."""
        self.detail = " ".join(detail.split())

    def __rich__(self) -> RenderableType:
        clock = f"{self.seconds:5.1f} s"
        if self.ended is None:
            row = Table.grid(padding=(0, 1))
            detail = Text(self.detail, style="dim", no_wrap=True, overflow="ellipsis")
            row.add_row(Spinner("dots", style="cyan"), clock, Text(self.title), detail)
            return row
        mark = "[red]✗[/]" if self.failed else "[green]✓[/]"
        return f"{mark} {clock} {escape(self.title)} [dim]{escape(self.detail)}[/]"


class Progress:
    """The steps of one command; several may run concurrently."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self._running: list[Step] = []
        self._lock = threading.Lock()
        self._live: Live | None = None

    def _render(self) -> RenderableType:
        return Group(*self._running)

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Show `title` as running while the block runs."""
        step = Step(title)
        self._begin(step)
        try:
            yield step
        except BaseException:
            step.failed = True
            raise
        finally:
            step.ended = time.monotonic()
            self._end(step)

    @contextmanager
    def quiet_step(self, title: str) -> Iterator[Step]:
        """A step whose command prints its own progress: only its start and end are shown."""
        step = Step(title)
        self.steps.append(step)
        console.print(f"… {escape(title)}")
        try:
            yield step
        except BaseException:
            step.failed = True
            raise
        finally:
            step.ended = time.monotonic()
            console.print(step)

    def _begin(self, step: Step) -> None:
        with self._lock:
            self.steps.append(step)
            self._running.append(step)
            if not console.is_terminal:
                console.print(f"… {escape(step.title)}")
            elif self._live is None:
                self._live = Live(get_renderable=self._render, console=console, transient=True, refresh_per_second=8)
                self._live.start()

    def _end(self, step: Step) -> None:
        with self._lock:
            self._running.remove(step)
            if self._live is not None and not self._running:
                self._live.stop()
                self._live = None
            console.print(step)


def fail(error: CommandError) -> int:
    """Print an error on stderr without a traceback, and return the exit code."""
    err = Console(stderr=True, highlight=False, soft_wrap=True)
    for label, text in error.lines():
        first, *rest = text.splitlines() or [""]
        err.print(
            f"[bold red]{label:>6}[/] {escape(first)}" if label == "failed" else f"[bold]{label:>6}[/] {escape(first)}"
        )
        for line in rest:
            err.print(f"       {escape(line)}")
    sys.stderr.flush()
    return 1
