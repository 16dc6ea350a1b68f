"""A study with the quickstart encoder: sources chosen, trained at two sizes, kept, and ranked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import intertrain_jax as ij

RAW: dict[str, Any] = {
    "name": "small",
    "model": {"pretrained": "quickstart"},
    "seeds": 1,
    "protocol": {
        "learning_rate": 5e-4,
        "epochs": 1,
        "batch_size": 16,
        "max_length": 64,
        "train_size": 32,
    },
    "data": {"limit": 32},
    "engine": {"lanes": 4, "fuse": 1, "row_length": 36, "block_rows": 1, "keep": "sources"},
    "study": {
        "a": {"sources": ["reviews", "claims"], "targets": ["dishes"]},
        "b": {
            "sources": {"part": "a", "best": 1},
            "targets": ["dishes"],
            "each": {"source_protocol.train_size": [16, 32]},
        },
        "c": {
            "rank": {
                "of": "a",
                "task": "claims",
                "seeds": 1,
                "learning_rates": [5e-3],
                "protocol": {"epochs": 1, "max_length": 64, "train_size": 32},
            }
        },
    },
}


def test_a_study_of_source_sizes_with_a_ranking(tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = ij.study(RAW, out=out)
    # `a`: PT on three tasks, two runs from sources; of `b` only the small source is new, and its run.
    assert result.counts == (5 + 2, 5 + 2, 0)
    runs = result.runs[(result.runs["part"] == "b") & (result.runs["kind"] == "source")]
    assert sorted(runs["source_size"]) == [16, min(32, runs["source_size"].max())]
    assert len(list((out / "work" / "checkpoints" / "sources").iterdir())) == 3
    ranked = result.estimates.set_index("base")["score"]
    assert set(ranked.index) <= {"PT", "reviews", "claims"} and len(ranked)
    assert {path.name for path in (out / "models" / "a").iterdir()} == {"reviews", "claims"}
    again = ij.study(RAW, out=out, runner=object())
    assert again.runs.equals(result.runs) and again.counts == result.counts
