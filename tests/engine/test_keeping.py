"""Which runs' weights stay, and that a run that is done again is the run that it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from intertrain_jax.config.experiment import Keep
from tests.engine.tiny_grid import TASKS, run_tiny, tiny_plan

PLAN = tiny_plan(["short", "long"], ["short"], 1)


def kept_in(out: Path) -> set[str]:
    """The names of the runs whose weights are there."""
    names = {run.id: run.name for run in PLAN.runs}
    return {names[folder.name] for folder in (out / "checkpoints" / "sources").glob("*")}


@pytest.mark.parametrize("keep", ["sources", "best", "all"])
def test_what_is_kept(tmp_path: Path, keep: Keep) -> None:
    found, _ = run_tiny(tmp_path, PLAN, TASKS, keep=keep)
    kept = kept_in(tmp_path)
    if keep == "sources":
        assert kept == {"PT:short:0"}
    elif keep == "all":
        assert kept == set(found.results) == {run.name for run in PLAN.runs}
    else:
        for target in ("short", "long"):
            scores = {n: r.validation for n, r in found.results.items() if f":{target}:" in n}
            best = {name for name, score in scores.items() if score == max(scores.values())}
            assert len(best & kept) >= 1
            assert kept & scores.keys() - {"PT:short:0"} <= best


def test_a_run_alone_is_the_run_of_the_grid_and_leaves_its_weights(tmp_path: Path) -> None:
    whole, _ = run_tiny(tmp_path, PLAN, TASKS)
    assert kept_in(tmp_path) == set()
    done = {run.id for run in PLAN.runs if run.name != "short:long:0"}
    again, _ = run_tiny(tmp_path, PLAN, TASKS, done=done, keep="all")
    # Its source is done again for its weights, without a second record.
    assert again.results == {"short:long:0": whole.results["short:long:0"]}
    assert kept_in(tmp_path) == {"short:long:0", "PT:short:0"}
