"""The home page: a section per pretrained model, and in it a card per ranking."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from intertrain_jax.site.bars import Axis, bar
from intertrain_jax.site.board import Board
from intertrain_jax.site.names import short_names, slugs

_BEST = 5


def page(boards: Sequence[Board], notes: Sequence[str], date: str | None = None) -> dict[str, Any]:
    """Returns what the home page shows: rankings with their best models, and what is to be known.

    Args:
        boards: rankings.
        notes: what is to be known of all of them.
        date: as of which it is; None takes the day of the last run, if runs say so.
    """
    sections: dict[str, list[dict[str, Any]]] = {}
    for board in boards:
        sections.setdefault(board.pretrained, []).append(_card(board))
    known = [board.times[1] for board in boards if board.times is not None]
    date = date or (max(known)[:10] if known else None)
    return {"sections": sections, "notes": list(notes), "date": date}


def _card(board: Board) -> dict[str, Any]:
    best = [model for model in board.sorted_models() if model.ranked or model.cells][:_BEST]
    axis = Axis.over(x for model in best for x in (model.average, model.low, model.high))
    return {
        "board": board,
        "slugs": {
            "models": slugs(model.name for model in board.models),
            "short": short_names(model.name for model in board.models),
        },
        "best": [(m, bar(axis, m.average, m.low, m.high)) for m in best],
        "failed": sum(model.status == "failed" for model in board.models),
        "partial": sum(model.status == "partial" for model in board.models),
    }
