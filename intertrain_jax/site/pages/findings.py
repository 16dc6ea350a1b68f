"""What `doctor` found in a board: the gravest first, with what it comes to in a line."""

from __future__ import annotations

from collections import Counter
from typing import Any

from intertrain_jax.base import counted
from intertrain_jax.site.board import Board

_GRAVEST = ("error", "warning", "note")


def page(board: Board) -> dict[str, Any]:
    """Returns what the page of findings shows."""
    models = {model.name: model for model in board.models}
    found = sorted(board.findings, key=lambda finding: _GRAVEST.index(finding.severity))
    return {
        "findings": [(finding, models.get(finding.model)) for finding in found],
        "said": _said(board),
        "left_out": any(model.status == "left out" for model in board.models),
    }


def _said(board: Board) -> str:
    """Returns how many findings there are of each severity and rule; empty where there are none."""
    kinds = Counter((finding.severity, finding.rule) for finding in board.findings)
    parts = []
    for severity in _GRAVEST:
        rules = {rule: n for (grave, rule), n in kinds.items() if grave == severity}
        if rules:
            said = ", ".join(f"{n:,} {rule}" for rule, n in sorted(rules.items()))
            parts.append(f"{counted(sum(rules.values()), severity)} ({said})")
    return "; ".join(parts)
