"""Tests of the page on a recommendation."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from intertrain_jax.recommendation.decide import Rules
from intertrain_jax.recommendation.prior import read_past
from intertrain_jax.recommendation.search import Search
from intertrain_jax.recommendation.verdict import verdict_of
from intertrain_jax.report.decision import Decision, _panels, page, write_decision

SCORES = (80.0, 81.0, 84.0, 79.0, 80.0, 78.0, 77.0)
NAMES = ("PT", "org/one", "org/two|odd", *(f"org/m{k}" for k in range(3, 15)))


def decided(models: int = 14) -> Decision:
    """Returns a decision on models of which the second is the best and the third cannot be used."""

    def outcome(model: int, seed: int) -> float | str:
        if model == 2:
            return "It is\ngone."
        return SCORES[min(model + 1, 6)] + 0.3 * (-1) ** seed

    search = Search(np.linspace(1, -1, models), Rules(), read_past(), 1000)
    assert search.advance(outcome) == []
    tests = {m: [SCORES[min(m + 1, 6)]] for m in range(-1, models)}
    names = NAMES[: models + 1]
    table = pd.DataFrame(
        {
            "model": names[1:],
            "ranking": range(1, models + 1),
            "runs": [search.count(m) for m in range(models)],
            "gain": search.found.mean,
            "low": search.found.mean - 1,
            "high": search.found.mean + 1,
            "problem": [search.problems.get(m) for m in range(models)],
            "seen": [None] * models,
        }
    )
    verdict = verdict_of(search, names, tests, 1000, 60.0)
    return Decision(verdict, names, tuple(search.taken), table, ("something about the data",))


def test_a_page_tells_the_decision_the_candidates_and_every_run() -> None:
    found = decided()
    text = page(found)
    assert "- Start from org/two|odd." in text
    assert "| org/two\\|odd | 2 |" in text, "a bar in a name ends no cell"
    assert "It is gone. | |" in text
    assert "2 more, none of which was run" in text
    assert text.count("\n1. PT, seed 0: ") == 1
    assert all(f"\n{k}. " in text for k in range(1, len(found.taken) + 1))
    assert "- something about the data" in text


def test_the_chosen_model_is_drawn_first_and_those_tried_before_others() -> None:
    found = decided()
    panels = _panels(found)
    assert panels[0] == found.verdict.model == 1
    assert 2 not in panels and len(panels) == 9
    runs = found.table.loc[panels, "runs"].to_numpy() > 0
    assert (np.diff(runs.astype(int)) <= 0).all()


def test_files_are_written_and_are_the_same_each_time(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_decision(tmp_path / name, decided())
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert files == [
        "decision-posterior.png",
        "decision-posterior.svg",
        "decision-runs.png",
        "decision-runs.svg",
        "decision.json",
        "decision.md",
    ]
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    content = json.loads((tmp_path / "one" / "decision.json").read_text("utf-8"))
    assert content["model"] == "org/two|odd" and content["test"]["value"] > 0
    assert len(content["candidates"]) == 14 and content["candidates"][0]["problem"] is None
    assert content["runs_in_order"][0]["model"] == "PT"
    drawn = (tmp_path / "one" / "decision-posterior.svg").read_text("utf-8")
    assert "org/two|odd" in drawn and "4 more candidates are not drawn" in drawn


def test_a_decision_that_stopped_after_the_baseline_is_drawn_too(tmp_path: Path) -> None:
    search = Search(np.zeros(1), Rules(), read_past(), 1000)
    search.advance(lambda m, s: (80.0 if s == 0 else None) if m < 0 else None)
    search.why = "the 1 hours are spent"
    verdict = verdict_of(search, ("PT", "org/one"), {-1: [80.0]}, 100, 1.0)
    table = pd.DataFrame(
        {"model": ["org/one"], "ranking": [1], "runs": [0], "gain": [0.1], "low": [-1.0],
         "high": [1.0], "problem": [None], "seen": [None]}
    )  # fmt: skip
    decision = Decision(verdict, ("PT", "org/one"), tuple(search.taken), table, ())
    write_decision(tmp_path, decision)
    assert (tmp_path / "decision-runs.png").stat().st_size > 1000
