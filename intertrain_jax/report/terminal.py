"""The gain matrix on a terminal: colours where there are any, and every gap visible."""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np
from rich import box
from rich.console import Console, ConsoleOptions, RenderableType, RenderHook, RenderResult
from rich.measure import Measurement
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

from intertrain_jax.base import printable
from intertrain_jax.report.numbers import FALSE_DISCOVERY_RATE, GAIN, SHORT_GAIN, SHORT_SCORE
from intertrain_jax.stats.gains import GainMatrices
from intertrain_jax.study.files import Analysis

_PLAIN_WIDTH = 120
_NEUTRAL, _GAIN, _LOSS = (247, 247, 247), (33, 102, 172), (178, 24, 43)
# Gains at least this large, in points, have the full colour, unless the matrix has larger ones.
_SMALLEST_SCALE = 2.0
_EDGES = 3  # blanks around a cell, and between it and the next


class _Shown:
    """Something printed, without what a terminal would act on, but for its own colours."""

    def __init__(self, printed: RenderableType) -> None:
        self._printed = printed

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for segment in console.render(self._printed, options):
            if segment.control or segment.text.replace("\n", "").isprintable():
                yield segment
            else:
                lines = map(printable, segment.text.split("\n"))
                yield Segment("\n".join(lines), segment.style)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement.get(console, options, self._printed)


class _ShowAll(RenderHook):
    """Names and reasons come from strangers: they are shown, never acted on."""

    def process_renderables(self, renderables: list[Any]) -> list[Any]:
        return [_Shown(printed) for printed in renderables]


def make_console(stderr: bool = False) -> Console:
    """Returns a console; without a terminal it is wide and has no colours, as with NO_COLOR.

    Texts are no markup, and escapes of a terminal are written out.
    """
    plain: Any = {"stderr": stderr, "highlight": False, "markup": False, "emoji": False}
    console = Console(**plain)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console = Console(**plain, width=_PLAIN_WIDTH)
    console.push_render_hook(_ShowAll())
    return console


def print_matrix(console: Console, analysis: Analysis, pretrained: str) -> None:
    """Prints the pretrained model's scores, the gain matrix, and what its marks mean.

    Tables too wide for the console are continued below, some targets at a time.

    Args:
        console: to print to.
        analysis: of the experiment.
        pretrained: label of the pretrained model's row.
    """
    gains, cells = analysis.gains, _Cells(analysis)
    targets = [str(target) for target in gains.mean.columns]
    header = ["average", *targets]
    rows = {pretrained: [Text(""), *(cells.score(pretrained, target) for target in targets)]}
    for base in map(str, gains.mean.index):
        rows[base] = [cells.average(base), *(cells.gain(base, target) for target in targets)]
    widths = [
        max(len(name), *(row[column].cell_len for row in rows.values())) + _EDGES
        for column, name in enumerate(header)
    ]
    room = console.width - max(len(label) for label in ("base", *rows)) - 2 * _EDGES
    for chunk in _chunks(widths, room):
        table = Table(box=box.SIMPLE_HEAD)
        table.add_column("base", no_wrap=True)
        for column in chunk:
            table.add_column(header[column], justify="right", no_wrap=True)
        for label, row in rows.items():
            first = label == pretrained
            style = "bold" if first else ""
            table.add_row(Text(label, style=style), *(row[c] for c in chunk), end_section=first)
        console.print(table)
    console.print(_legend(gains, pretrained), style="dim")


class _Cells:
    """The matrix's cells as coloured texts."""

    def __init__(self, analysis: Analysis) -> None:
        gains = analysis.gains
        self._asked = gains.asked
        self._mean, self._std = gains.mean.to_dict("index"), gains.std.to_dict("index")
        self._n, self._q = gains.n.to_dict("index"), gains.q.to_dict("index")
        self._significant = gains.significant.to_dict("index")
        self._scores = {
            (row["base"], row["target"]): row for row in analysis.scores.to_dict("records")
        }
        self._scale = _scale(gains)

    def score(self, base: str, target: str) -> Text:
        """The mean score of a cell."""
        cell = self._scores.get((base, target))
        if cell is None or not cell["n"]:
            return self._gap(base, target)
        return Text(self._counted(_spread(f"{cell['mean']:{SHORT_SCORE}}", cell["std"]), cell["n"]))

    def gain(self, base: str, target: str) -> Text:
        """The mean gain of a cell, or why there is none."""
        n, mean = self._n[base][target], self._mean[base][target]
        if n == 0:
            return self._gap(base, target)
        mark = ""
        if self._significant[base][target] in (1, -1):
            mark = "**" if self._q[base][target] < FALSE_DISCOVERY_RATE else "*"
        text = _spread(f"{mean:{SHORT_GAIN}}", self._std[base][target]) + f"{mark:2}"
        return Text(self._counted(text, n), style=_colour(mean, self._scale))

    def average(self, base: str) -> Text:
        """The mean over targets, only where no cell lacks a seed: others would not compare."""
        if any(n < self._asked for n in self._n[base].values()):
            return Text("incomplete", style="dim")
        mean = sum(self._mean[base].values()) / len(self._mean[base])
        return Text(f"{mean:{GAIN}}", style=_colour(mean, self._scale))

    def _gap(self, base: str, target: str) -> Text:
        cell = self._scores.get((base, target))
        if cell is None:
            return Text("not planned", style="dim")
        if cell["failed"]:
            return Text("failed", style="bold red")
        return Text("unpaired" if cell["n"] else "missing", style="yellow")

    def _counted(self, text: str, n: int) -> str:
        return text if n >= self._asked else f"{text.rstrip()} n={n}"


def _legend(gains: GainMatrices, pretrained: str) -> str:
    if gains.mean.empty:
        return f"{pretrained}: test score, percent. There is no other base model to compare."
    return (
        f"{pretrained}: test score, percent. Other rows: gain over {pretrained} in points, mean ±"
        f" standard deviation over {gains.asked} seed{'s' if gains.asked != 1 else ''}, paired;"
        " n= where there are fewer.\n* mean beyond 2 standard deviations, of seeds enough to tell. **"
        f" and paired t-test p < {FALSE_DISCOVERY_RATE:g} after Benjamini–Hochberg over the matrix."
    )


def _spread(mean: str, std: float) -> str:
    return mean if math.isnan(std) else f"{mean} ±{std:{SHORT_SCORE}}"


def _scale(gains: GainMatrices) -> float:
    """The gain that gets the full colour; single outliers do not pale the rest."""
    values = np.abs(gains.mean.to_numpy(dtype=float))
    values = values[np.isfinite(values)]
    return max(_SMALLEST_SCALE, float(np.quantile(values, 0.9))) if len(values) else _SMALLEST_SCALE


def _colour(gain: float, scale: float) -> Style:
    """A diverging colour: blue for gains, red for losses, on a pale middle."""
    strength = min(abs(gain) / scale, 1.0)
    end = _GAIN if gain > 0 else _LOSS
    red, green, blue = (
        round(near + (far - near) * strength) for near, far in zip(_NEUTRAL, end, strict=True)
    )
    ink = "white" if strength > 0.55 else "black"
    return Style.parse(f"{ink} on rgb({red},{green},{blue})")


def _chunks(widths: list[int], room: int) -> list[list[int]]:
    """Divides columns into runs that fit, at least one column each."""
    chunks: list[list[int]] = [[]]
    used = 0
    for column, width in enumerate(widths):
        if chunks[-1] and used + width > room:
            chunks.append([])
            used = 0
        chunks[-1].append(column)
        used += width
    return chunks
