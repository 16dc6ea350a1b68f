"""A small study as plain values, for tests that need no training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.experiments import raw_config, write_experiment


def raw_study(folder: Path, **changes: Any) -> dict[str, Any]:
    """Returns a study of two tasks, of which data and a tokenizer are written.

    Part `a` is a grid; `b` has the best source of `a` at two sizes; `c` has groups and shares the
    baselines of `a`.
    """
    write_experiment(folder)
    common = raw_config(folder)
    targets, sources = common.pop("targets"), common.pop("sources")
    return {
        **common,
        "name": "tiny-study",
        "architecture": "Tiny",
        "study": {
            "a": {"sources": sources, "targets": targets},
            "b": {
                "sources": {"part": "a", "best": 1},
                "targets": targets,
                "each": {"source_protocol.train_size": [8, 16]},
                "group": {"alpha": "good", "beta": "bad"},
            },
            "c": {
                "sources": ["alpha"],
                "targets": ["beta"],
                "each": {
                    "good": {"group": "good"},
                    "bad": {"group": "bad", "source_protocol.learning_rate": 1e-3},
                },
            },
        },
        **changes,
    }
