"""Boards for tests of the site: three models on two targets, and names that strangers choose."""

from __future__ import annotations

from typing import Any

from intertrain_jax.diagnosis.findings import Finding
from intertrain_jax.site.board import NAN, Board, Cell, Model, Target

HOSTILE = (
    "<img src=x onerror=alert(1)>",
    '"><script>alert(1)</script>',
    "</script><script>alert(1)</script>",
    "javascript:alert(1)",
    "../../etc/passwd",
    "x" * 300,
    "a\u202egpj.exe",
    "two\nlines",
    "emoji 🙂",
    "=cmd()",
    "{{ 7 * 7 }}",
    "CON",
    "A",
    "a",
)


def board(**changes: Any) -> Board:
    """Returns a board of three models with gains, one that failed, and two targets."""
    models = (
        Model(
            *("good", 3.0, 2.0, 4.0, 1.0, 1.0, 1.0, 0.9, (1,), 60.0),
            cells={"t1": Cell(4.0, 2.0, 6.0, 3), "t2": Cell(2.0, 0.0, 4.0, 3, own=True)},
        ),
        Model(
            *("middle", 1.0, 0.0, 2.0, 2.0, 2.0, 3.0, 0.1, (2,)),
            cells={"t1": Cell(1.0, -1.0, 3.0, 3), "t2": Cell(1.0, -111.25, 113.25, 3)},
        ),
        Model(
            *("part", -1.0, -2.0, 0.0, 3.0, 2.0, 3.0, 0.0, (2,)),
            status="partial",
            reason="1 of 2 targets have no gain.",
            cells={"t1": Cell(-1.0, -3.0, 1.0, 3)},
        ),
        Model("broken", status="failed", reason="Its file is damaged."),
    )
    targets = (
        Target("t1", 60.0, 2.0, 10.0, 100, 50, "org/t1"),
        Target("t2", 70.0, 1.0, 10.0),
    )
    found = (Finding(3, "broken", "failed", "error", "nothing to read"),)
    made: dict[str, Any] = {
        "title": "tiny",
        "slug": "tiny",
        "pretrained": "base",
        "measure": "average gain",
        "models": models,
        "targets": targets,
        "findings": found,
        "methods": ("All of a model was trained.",),
        "command": "intertrain-jax grid --out DIR",
    }
    return Board(**{**made, **changes})


def long_board() -> Board:
    """Returns a board of 300 models with gains on five targets, and 20 without any score."""
    targets = tuple(Target(f"t{k}", 60.0) for k in range(5))
    models = [
        Model(
            *(f"m{k}", k / 10, NAN, NAN, 300.0 - k),
            cells={target.name: Cell(k / 10) for target in targets},
        )
        for k in range(300)
    ]
    models += [Model(f"left {k}", status="not tested", reason="No score.") for k in range(20)]
    return board(title="long", slug="long", models=tuple(models), targets=targets, findings=())


def hostile_board() -> Board:
    """Returns a board in which everything that a stranger can name is hostile."""
    targets = tuple(Target(name, 60.0, 2.0, 10.0, dataset=name) for name in HOSTILE)
    models = tuple(
        Model(
            *(name, 1.0, 0.0, 2.0, float(rank), 1.0, 9.0),
            status="partial",
            reason=name,
            cells={target.name: Cell(1.0, 0.0, 2.0, 2) for target in targets},
            facts={name: name},
        )
        for rank, name in enumerate(HOSTILE, 1)
    )
    found = tuple(Finding(0, name, "outlier", "warning", name) for name in HOSTILE)
    return board(
        title=HOSTILE[1],
        pretrained=HOSTILE[0],
        models=models,
        targets=targets,
        findings=found,
        methods=HOSTILE,
        missing=HOSTILE,
        conflicts=HOSTILE,
        command="\n".join(HOSTILE),
    )
