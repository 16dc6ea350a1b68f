"""One page on a recommendation: what was decided, run by run, and two pictures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from intertrain_jax.recommendation.search import Taken
from intertrain_jax.recommendation.verdict import Verdict
from intertrain_jax.records.store import write_atomic
from intertrain_jax.report.canvas import (
    COLOURS,
    GRID,
    PALE,
    drawing,
    headline,
    new_figure,
    place,
    plain_axes,
    save,
    short,
)

DECISION_FILE, PAGE_FILE = "decision.json", "decision.md"
NARROWING, SPENT = "decision-posterior", "decision-runs"
_MOST_PANELS, _ACROSS, _MOST_ROWS = 9, 3, 12
_WIDE = 1.96
_OWN, _OTHER = COLOURS[0], COLOURS[1]


@dataclass(frozen=True)
class Decision:
    """A recommendation as it is written down.

    Attributes:
        verdict: what was decided.
        names: of the pretrained model's row and of the M candidates.
        taken: the runs in order, with what was known after each.
        table: a row per candidate, the best of the ranking first: model, ranking, runs, gain, low, high,
            problem, and seen, the data sets like the target that it has trained on.
        said: what was found out about the data and the candidates.
    """

    verdict: Verdict
    names: tuple[str, ...]
    taken: tuple[Taken, ...]
    table: pd.DataFrame
    said: tuple[str, ...]

    @property
    def explained(self) -> list[str]:
        """One line per run: why it was done, and what came of it."""
        return [
            f"{k}. {self.names[taken.model + 1]}, seed {taken.seed}: {taken.why}. Validation"
            f" {taken.score:.2f}; then the best is {self._best(taken)}."
            for k, taken in enumerate(self.taken, 1)
        ]

    def _best(self, taken: Taken) -> str:
        name = self.names[taken.best + 1]
        if taken.best < 0:
            return name
        return f"{name} with {taken.gain:+.2f} ± {_WIDE * taken.sd:.2f}"

    @property
    def content(self) -> dict[str, Any]:
        """What decision.json holds: the verdict, every candidate and every run."""
        table = self.table.astype(object).where(self.table.notna(), None)
        runs = [
            {
                "model": self.names[taken.model + 1],
                "seed": taken.seed,
                "why": taken.why,
                "validation": taken.score,
                "best": self.names[taken.best + 1],
                "gain": taken.gain,
                "sd": taken.sd,
            }
            for taken in self.taken
        ]
        return {
            **self.verdict.content,
            "runs_in_order": runs,
            "candidates": table.to_dict("records"),
            "said": list(self.said),
        }


def write_decision(out: Path, decision: Decision) -> None:
    """Writes decision.json, decision.md and its two pictures.

    Args:
        out: the results directory.
        decision: what was decided.
    """
    write_atomic(out / DECISION_FILE, json.dumps(decision.content, indent=1) + "\n")
    with drawing():
        _draw_narrowing(out, decision)
        _draw_spent(out, decision)
    write_atomic(out / PAGE_FILE, page(decision))


def page(decision: Decision) -> str:
    """Returns the text of decision.md."""
    shown = decision.table.sort_values(
        ["runs", "gain"], ascending=[False, False], kind="stable"
    ).head(_MOST_ROWS)
    rows = [
        f"| {_cell(_marked(row.model, row.seen))} | {row.ranking} | {row.runs} |"
        + (
            f" {_cell(row.problem)} | |"
            if isinstance(row.problem, str)
            else f" {row.gain:+.2f} | {row.low:+.2f} to {row.high:+.2f} |"
        )
        for row in shown.itertuples()
    ]
    more = len(decision.table) - len(shown)
    rest = [f"\n{more} more, none of which was run, are in {DECISION_FILE}."] if more else []
    return "\n".join(
        [
            "# Which model to start from",
            "",
            *(f"- {line}" for line in decision.verdict.lines),
            "",
            f"![Gain of every candidate, as runs narrowed it]({NARROWING}.png)",
            "",
            f"![Gain of the choice against runs spent]({SPENT}.png)",
            "",
            "| candidate | in the ranking | runs | gain | 95 % interval |",
            "| --- | ---: | ---: | ---: | --- |",
            *rows,
            *rest,
            "",
            "Gains are in points over the pretrained model, on validation, as the posterior has them.",
            "",
            "## Run by run",
            "",
            *decision.explained,
            "",
            "## Data and candidates",
            "",
            *(f"- {line}" for line in decision.said),
            "",
        ]
    )


def _marked(model: Any, seen: Any) -> str:
    return f"{model} (has trained on {seen})" if isinstance(seen, str) else str(model)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _panels(decision: Decision) -> list[int]:
    """Returns the models to draw: the chosen one, those tried by their gain, then the rest."""
    table = decision.table[decision.table["problem"].isna()]
    tried = table[table["runs"] > 0].sort_values("gain", ascending=False, kind="stable")
    rest = table[table["runs"] == 0].sort_values("gain", ascending=False, kind="stable")
    order = [int(m) for m in (*tried.index, *rest.index)]
    chosen = decision.verdict.model
    return sorted(order, key=lambda m: m != chosen)[:_MOST_PANELS]


def _draw_narrowing(out: Path, decision: Decision) -> None:
    """Draws a panel per model: its gain and 95 % interval after every run, its own runs marked."""
    models = _panels(decision)
    down = max(1, ceil(len(models) / _ACROSS))
    wide, high, left, bottom, gap = 2.05, 1.25, 0.5, 0.45, 0.42
    height = 0.75 + down * (high + gap) + bottom - gap / 2
    figure = new_figure(left + _ACROSS * (wide + 0.12) + 0.1, height)
    runs = np.arange(1, len(decision.taken) + 1)
    drawn = [
        (
            np.array([taken.known.get(m, (np.nan, np.nan))[0] for taken in decision.taken]),
            np.array([taken.known.get(m, (np.nan, np.nan))[1] for taken in decision.taken]),
        )
        for m in models
    ]
    low, top = _range(
        [v for mean, sd in drawn for v in (*(mean - _WIDE * sd), *(mean + _WIDE * sd))]
    )
    for k, (m, (mean, sd)) in enumerate(zip(models, drawn, strict=True)):
        row, column = divmod(k, _ACROSS)
        x = left + column * (wide + 0.12)
        y = bottom + (down - 1 - row) * (high + gap)
        axes = place(figure, x, y, wide, high)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color=GRID, linewidth=0.5, axis="y")
        axes.set_axisbelow(True)
        chosen = m == decision.verdict.model
        colour = _OWN if chosen else PALE
        axes.fill_between(
            runs, mean - _WIDE * sd, mean + _WIDE * sd, color=colour, alpha=0.22, linewidth=0
        )
        axes.plot(runs, mean, color=colour, linewidth=1.3)
        own = [j for j, taken in enumerate(decision.taken) if taken.model == m]
        axes.plot(runs[own], mean[own], "o", color=colour, markersize=3.6)
        axes.axhline(0.0, color=PALE, linewidth=0.8)
        axes.set_xlim(0.5, max(1, len(runs)) + 0.5)
        axes.set_ylim(low, top)
        axes.set_title(
            short(decision.names[m + 1], 34),
            fontsize=6.8,
            fontweight="bold" if chosen else "normal",
            pad=3,
        )
        axes.tick_params(labelsize=6.5, length=2)
        if column:
            axes.set_yticklabels([])
        if k + _ACROSS >= len(models):
            axes.set_xlabel("runs done", fontsize=7)
        else:
            axes.set_xticklabels([])
    more = int(decision.table["problem"].isna().sum()) - len(models)
    headline(
        figure,
        "What is known of each candidate's gain, after every run",
        "Points over the pretrained model: posterior mean and 95 % interval. Dots are its own runs; blue"
        f" is the choice.{f' {more} more candidates are not drawn.' if more > 0 else ''}",
    )
    save(figure, out, NARROWING)


def _draw_spent(out: Path, decision: Decision) -> None:
    """Draws the gain of what would have been chosen after every run, and the run's own."""
    figure, axes = plain_axes(6.4, 3.6)
    taken = decision.taken
    runs = np.arange(1, len(taken) + 1)
    gain = np.array([t.gain for t in taken])
    half = np.array([_WIDE * t.sd for t in taken])
    if len(runs):
        # Known from a run on until the next one.
        ends = np.append(runs, runs[-1] + 1) - 0.5
        axes.fill_between(
            ends,
            np.append(gain - half, (gain - half)[-1]),
            np.append(gain + half, (gain + half)[-1]),
            step="post",
            color=_OWN,
            linewidth=0,
            alpha=0.18,
        )
        axes.step(ends, np.append(gain, gain[-1]), where="post", color=_OWN, linewidth=1.6)
    base = float(np.mean([t.score for t in taken if t.model < 0])) if taken else 0.0
    for kind, marker, colour, label in (
        (False, "o", _OTHER, "a candidate's run, less the pretrained model's mean"),
        (True, "x", PALE, "a run of the pretrained model"),
    ):
        at = [k for k, t in enumerate(taken) if (t.model < 0) == kind]
        axes.plot(
            runs[at], [taken[k].score - base for k in at], marker, color=colour, markersize=4.5,
            label=label, linestyle="none",
        )  # fmt: skip
    axes.axhline(0.0, color=PALE, linewidth=0.8)
    before = None
    for k, t in enumerate(taken):
        if t.best != before:
            before = t.best
            axes.annotate(
                short(decision.names[t.best + 1], 26),
                (runs[k] - 0.45, gain[k]),
                xytext=(0, 4),
                textcoords="offset points",
                fontsize=6.5,
                color=_OWN,
            )
    axes.set_xlabel("runs spent")
    axes.set_ylabel("gain, points")
    axes.set_xlim(0.4, len(runs) + 0.6)
    axes.legend(fontsize=6.5, frameon=False, loc="best")
    headline(
        figure,
        "Gain of the choice against runs spent",
        "Points over the pretrained model on validation: posterior mean and 95 % interval of what would"
        " have been chosen.",
    )
    save(figure, out, SPENT)


def _range(values: Sequence[float]) -> tuple[float, float]:
    """Returns limits that show nearly all of some values, and 0."""
    known = np.array([v for v in values if np.isfinite(v)])
    if not len(known):
        return -1.0, 1.0
    low, high = np.percentile(known, [2, 98])
    low, high = min(low, -0.5), max(high, 0.5)
    return low - 0.05 * (high - low), high + 0.05 * (high - low)
