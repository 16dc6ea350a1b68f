"""Progress of a grid: a bar on a terminal, plain lines elsewhere, and a heartbeat on disk."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.progress import BarColumn, Progress, TaskID, TextColumn

from intertrain_jax.planning.status import HEARTBEAT_FILE, Heartbeat, write_heartbeat
from intertrain_jax.report.terminal import make_console

if TYPE_CHECKING:
    from intertrain_jax.engine.progress import GridProgress

_LINE_SECONDS = 10.0
_BEAT_SECONDS = 5.0
_BAR_SECONDS = 0.2


class LiveDisplay:
    """Shows how far something is; usable as a context manager.

    Args:
        noun: what is counted.
        quiet: show nothing.
    """

    def __init__(self, noun: str, quiet: bool) -> None:
        self._console = make_console(stderr=True)
        self._noun, self._quiet = noun, quiet
        self._bar: Progress | None = None
        self._bar_task = TaskID(0)
        self._last_line = self._last_bar = float("-inf")

    def __enter__(self) -> Self:
        if self._console.is_terminal and not self._quiet:
            self._bar = Progress(
                TextColumn(self._noun),
                BarColumn(),
                TextColumn("{task.description}"),
                console=self._console,
                transient=True,
            )
            self._bar_task = self._bar.add_task("compiling", total=None)
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, now: float, ended: int, total: int, text: Callable[[], str]) -> None:
        """Takes news; cheap enough for every turn of a loop, as `text` is seldom asked for.

        Args:
            now: monotonic time in seconds.
            ended: how many are done or failed,
            total: of how many.
            text: what to say.
        """
        if self._quiet:
            return
        if self._bar is not None:
            if now - self._last_bar >= _BAR_SECONDS:
                self._last_bar = now
                self._bar.update(self._bar_task, completed=ended, total=total, description=text())
        elif now - self._last_line >= _LINE_SECONDS:
            self._last_line = now
            self._console.print(f"{self._noun} {text()}", soft_wrap=True)


class ProgressDisplay(LiveDisplay):
    """Shows what the engine reports, and leaves a heartbeat for `status`.

    Args:
        out: results directory; the heartbeat goes there.
        quiet: show nothing.
    """

    def __init__(self, out: Path, quiet: bool) -> None:
        super().__init__("runs", quiet)
        self._out = out
        self._last_beat = float("-inf")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, trace)
        (self._out / HEARTBEAT_FILE).unlink(missing_ok=True)

    def __call__(self, progress: GridProgress) -> None:
        """Takes the engine's report."""
        now = time.monotonic()
        if now - self._last_beat >= _BEAT_SECONDS:
            self._last_beat = now
            write_heartbeat(self._out, _heartbeat(progress))
        ended = progress.done + progress.failed
        self.show(now, ended, progress.total, lambda: describe(progress))


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


def examples_per_second(progress: GridProgress) -> float:
    """Returns training examples per second since the engine started."""
    return progress.examples / progress.seconds if progress.seconds else 0.0


def seconds_left(progress: GridProgress) -> float | None:
    """Returns an estimate from the runs that have ended; None before the first."""
    ended = progress.done + progress.failed
    if not ended:
        return None
    return progress.seconds / ended * (progress.total - ended)


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
        time=time.time(),
        done=progress.done,
        failed=progress.failed,
        total=progress.total,
        active=progress.active,
        examples_per_second=examples_per_second(progress),
        seconds_left=seconds_left(progress),
    )
