"""The page of a model: gains, history of training, where it comes from, texts for its card."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import yaml

from intertrain_jax.records.runs import Record
from intertrain_jax.report import numbers
from intertrain_jax.site.bars import Axis, bar, curve
from intertrain_jax.site.board import Board, Model
from intertrain_jax.site.names import visible
from intertrain_jax.site.pages.ranking import groups_text, rank_text, scale_of
from intertrain_jax.site.scale import Scale

_WIDTH, _HEIGHT = 240.0, 80.0
# Written in C where there is that: for hundreds of models it was a quarter of a report's time.
_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_WIDEST = 10_000


def page(
    board: Board, model: Model, records: Sequence[Record] = (), scale: Scale | None = None
) -> dict[str, Any]:
    """Returns what a model's page shows.

    Args:
        board: that it is of.
        model: a row of it.
        records: of its runs.
        scale: of the board; None computes it.
    """
    scale = scale or scale_of(board)
    known = [(t, model.cells[t.name]) for t in board.targets if t.name in model.cells]
    known.sort(key=lambda pair: -pair[1].gain)
    axis = Axis.over(x for _, c in known for x in (c.gain, c.low, c.high))
    findings = [finding for finding in board.findings if finding.model == model.name]
    sound = model.status in ("complete", "partial") and model.name not in board.suspicious
    return {
        "model": model,
        "rank": rank_text(model),
        "groups": groups_text(model.groups),
        "gains": [
            {
                "target": t,
                "cell": c,
                "bar": bar(axis, c.gain, c.low, c.high),
                "css": scale.css(c.gain),
            }
            for t, c in known
        ],
        "missing": [t for t in board.targets if t.name not in model.cells],
        "histories": _histories(records),
        "findings": findings,
        "card": card(board, model) if sound and known else None,
        "results": eval_results(board, model) if sound and known else None,
    }


def card(board: Board, model: Model) -> str:
    """Returns a section for a model card: what was measured, with intervals, in Markdown."""
    low, high = numbers.number(model.low, numbers.GAIN), numbers.number(model.high, numbers.GAIN)
    average = numbers.number(model.average, numbers.GAIN)
    lines = [
        "## As a start for finetuning",
        "",
        f"{board.measure.capitalize()} over {_code(board.pretrained)}, in points: {average}"
        + (f" [{low}, {high}]" if math.isfinite(model.low) else "")
        + (f", rank {model.rank:g} of {board.tested} models" if model.ranked else "")
        + (f" (interval {rank_text(model)})" if rank_text(model) else "")
        + ".",
        "",
        "| target | gain | interval | seeds |",
        "| --- | ---: | ---: | ---: |",
    ]
    for target in board.targets:
        cell = model.cells.get(target.name)
        if cell is not None:
            interval = numbers.interval(cell.low, cell.high, numbers.GAIN)
            said = interval if math.isfinite(cell.low) else "not known"
            gain = format(cell.gain, numbers.GAIN)
            lines.append(f"| {_code(target.name)} | {gain} | {said} | {cell.n} |")
    return "\n".join([*lines, "", "Measured with intertrain-jax.", ""])


def eval_results(board: Board, model: Model) -> str | None:
    """Returns scores on public datasets as the hub's `.eval_results` YAML; None where none is public."""
    entries = []
    for target in board.targets:
        cell = model.cells.get(target.name)
        if cell is None or target.dataset is None or not math.isfinite(target.score):
            continue
        entries.append(
            {
                "dataset": {"id": target.dataset, "task_id": target.name},
                "value": round(target.score + cell.gain, 4),
                "notes": f"after finetuning on it; {cell.gain:+.2f} points over {board.pretrained}",
            }
        )
    if not entries:
        return None
    return yaml.dump(entries, Dumper=_DUMPER, sort_keys=False, allow_unicode=False, width=_WIDEST)


def _code(name: str) -> str:
    """Returns a name as code in Markdown, whatever it holds."""
    text = visible(name).replace("|", "\\|")
    return f"`{text}`" if "`" not in text else f"`` {text} ``"


def _histories(records: Sequence[Record]) -> list[dict[str, Any]]:
    """Returns a picture per target: validation score over examples, a curve per seed."""
    by_target: dict[str, list[Record]] = {}
    for record in records:
        if record.result is not None and len(record.result.history) > 1:
            by_target.setdefault(record.target, []).append(record)
    found = []
    for target, runs in sorted(by_target.items()):
        curves, most = [], 0
        for record in sorted(runs, key=lambda run: run.seed):
            assert record.result is not None
            points = [
                (float(one["examples"]), float(one["validation"])) for one in record.result.history
            ]
            most = max(most, int(points[-1][0]))
            curves.append(curve(points, _WIDTH, _HEIGHT))
        found.append({"target": target, "curves": curves, "examples": most, "seeds": len(runs)})
    return found
