"""What a workflow tells while it works: nothing, or lines and bars on a terminal or in a notebook."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from intertrain_jax.planning.status import HEARTBEAT_FILE, Heartbeat, this_process, write_heartbeat
from intertrain_jax.report.terminal import make_console
from intertrain_jax.workflows.interrupts import orderly

if TYPE_CHECKING:
    from intertrain_jax.engine.recording import GridProgress
    from intertrain_jax.probe.ranker import RankProgress

_LINE_SECONDS = 10.0
_BEAT_SECONDS = 5.0
_BAR_SECONDS = 0.2
_TELLING_SHARE = 0.01


class Display(Protocol):
    """Shows how far something is."""

    def show(self, now: float, ended: int, total: int, text: Callable[[], str]) -> None:
        """Takes news; cheap enough for every turn of a loop, as `text` is seldom asked for.

        Args:
            now: monotonic time in seconds.
            ended: how many are done or failed,
            total: of how many.
            text: what to say.
        """


class Watcher(Protocol):
    """Takes what a workflow has to say while it works."""

    def say(self, text: str) -> None:
        """Takes a line about what is being done."""

    def warn(self, text: str) -> None:
        """Takes a line about what the user should know even where nothing else is shown."""

    def display(self, noun: str) -> AbstractContextManager[Display]:
        """Returns what shows how many of something are done, while it is open."""


class Silent:
    """Says nothing but warnings, as Python has them."""

    def say(self, text: str) -> None:
        """Leaves it."""

    def warn(self, text: str) -> None:
        """Warns."""
        warnings.warn(text, UserWarning, stacklevel=3)

    @contextmanager
    def display(self, noun: str) -> Iterator[Display]:
        """Shows nothing."""
        yield self

    def show(self, now: float, ended: int, total: int, text: Callable[[], str]) -> None:
        """Leaves it."""


class Terminal:
    """Lines on standard error; bars on a terminal and in a notebook.

    Args:
        quiet: warnings only.
    """

    def __init__(self, quiet: bool = False) -> None:
        self._quiet = quiet
        notebook = Console()
        self._console = notebook if notebook.is_jupyter else make_console(stderr=True)

    def say(self, text: str) -> None:
        """Prints a line."""
        if not self._quiet:
            self._console.print(text, soft_wrap=True, markup=False)

    def warn(self, text: str) -> None:
        """Prints a warning."""
        self._console.print(f"warning: {text}", style="yellow", soft_wrap=True, markup=False)

    @contextmanager
    def display(self, noun: str) -> Iterator[Display]:
        """Shows a bar where there can be one, and else a line now and then."""
        if self._quiet:
            yield Silent()
        elif self._console.is_terminal or self._console.is_jupyter:
            bar = Progress(
                TextColumn(noun),
                BarColumn(),
                TextColumn("{task.description}"),
                console=self._console,
                transient=True,
            )
            with bar:
                yield _Bar(bar)
        else:
            yield _Lines(self._console, noun)


def watcher_of(progress: bool | Watcher) -> Watcher:
    """Returns what takes a workflow's lines and bars."""
    if isinstance(progress, bool):
        return Terminal() if progress else Silent()
    return progress


class _Bar:
    """A bar, moved at most every `_BAR_SECONDS`."""

    def __init__(self, bar: Progress) -> None:
        self._bar, self._last = bar, float("-inf")
        self._task = bar.add_task("compiling", total=None)

    def show(self, now: float, ended: int, total: int, text: Callable[[], str]) -> None:
        if now - self._last >= _BAR_SECONDS:
            self._last = now
            self._bar.update(self._task, completed=ended, total=total, description=text())


class _Lines:
    """A line at most every `_LINE_SECONDS`."""

    def __init__(self, console: Console, noun: str) -> None:
        self._console, self._noun, self._last = console, noun, float("-inf")

    def show(self, now: float, ended: int, total: int, text: Callable[[], str]) -> None:
        if now - self._last >= _LINE_SECONDS:
            self._last = now
            self._console.print(f"{self._noun} {text()}", soft_wrap=True, markup=False)


@contextmanager
def grid_display(watcher: Watcher, out: Path) -> Iterator[Callable[[GridProgress], None]]:
    """Shows what the engine reports, and leaves a heartbeat for `status` in the results directory.

    Interruptions are raised from the function that takes reports, where the engine is ready for them.
    """
    last_beat = float("-inf")

    def take(progress: GridProgress) -> None:
        nonlocal last_beat
        now = time.monotonic()
        if now - last_beat >= _BEAT_SECONDS:
            last_beat = now
            # The directory, if it was removed, is not to be made again by a word about it.
            if out.is_dir():
                write_heartbeat(out, _heartbeat(progress))
        ended = progress.done + progress.failed
        display.show(now, ended, progress.total, lambda: describe(progress))
        stop_if_asked()

    try:
        with orderly(watcher.say) as stop_if_asked, watcher.display("runs") as display:
            yield take
    finally:
        (out / HEARTBEAT_FILE).unlink(missing_ok=True)


def describe(progress: GridProgress) -> str:
    """Returns runs done, throughput and time left, in words."""
    parts = [f"{progress.done + progress.failed:,}/{progress.total:,}"]
    if progress.failed:
        parts.append(f"{progress.failed:,} failed")
    parts.append(f"{progress.active} in {progress.lanes} lanes")
    parts.append(f"{examples_per_second(progress):,.0f} examples/s")
    left = seconds_left(progress)
    parts.append("time left unknown" if left is None else f"{duration(left)} left")
    return ", ".join(parts)


def show_ranking(display: Display, progress: RankProgress) -> None:
    """Shows how many models are probed, throughput and time left."""

    def text() -> str:
        rate = progress.examples / progress.seconds if progress.seconds else 0.0
        parts = [f"{progress.passed:,}/{progress.total:,}"]
        if progress.failed:
            parts.append(f"{progress.failed:,} failed")
        parts.append(f"{progress.done:,} ranked, {rate:,.0f} examples/s")
        if progress.passed:
            left = progress.seconds / progress.passed * (progress.total - progress.passed)
            parts.append(f"{duration(left)} left")
        return ", ".join(parts)

    display.show(time.monotonic(), progress.passed, progress.total, text)


def examples_per_second(progress: GridProgress) -> float:
    """Returns training examples per second since the engine started."""
    return progress.examples / progress.seconds if progress.seconds else 0.0


def seconds_left(progress: GridProgress) -> float | None:
    """Returns an estimate from the tokens that are left and the speed so far; None before there is one.

    Early stopping is expected to save what it has saved of the runs that ended; compilation is not
    expected to be needed again.
    """
    computing = progress.seconds - progress.compile_seconds
    whole = progress.tokens + progress.tokens_left
    # The first steps say little: programs are still being loaded and compiled.
    if progress.tokens <= _TELLING_SHARE * whole or computing <= 0.0:
        return None
    return progress.tokens_left * computing / progress.tokens


def duration(seconds: float) -> str:
    """Returns a time as people say it: 42 s, 3 min 05 s, 2 h 10 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"


def _heartbeat(progress: GridProgress) -> Heartbeat:
    return Heartbeat(
        process=this_process(),
        time=time.time(),
        done=progress.done,
        failed=progress.failed,
        total=progress.total,
        active=progress.active,
        examples_per_second=examples_per_second(progress),
        seconds_left=seconds_left(progress),
        running=tuple(run.name for run in progress.running),
        seconds=progress.seconds,
        workers=progress.workers,
    )
