"""The page of a model, and the texts for its card."""

from __future__ import annotations

from pathlib import Path

import yaml

from intertrain_jax.records.results_dir import ResultsDir
from intertrain_jax.site.pages.model import card, eval_results, page
from tests.boards import HOSTILE, board, hostile_board


def test_gains_are_sorted_and_missing_targets_named() -> None:
    tiny = board()
    found = page(tiny, tiny.models[2])
    assert [gain["target"].name for gain in found["gains"]] == ["t1"]
    assert [target.name for target in found["missing"]] == ["t2"]


def test_only_what_can_be_trusted_has_a_card() -> None:
    tiny = board()
    assert page(tiny, tiny.models[0])["card"] is not None
    assert page(tiny, tiny.models[3])["card"] is None
    found = tiny.findings[0].__class__(0, "good", "shifted", "error", "moved")
    assert page(board(findings=(found,)), tiny.models[0])["card"] is None


def test_a_card_is_a_table_whatever_names_are() -> None:
    tiny = board()
    text = card(tiny, tiny.models[0])
    assert "| `t1` | +4.00 | [+2.00, +6.00] | 3 |" in text and "rank 1 of 3 models" in text
    bad = hostile_board()
    rows = [line for line in card(bad, bad.models[0]).splitlines() if line.startswith("| `")]
    assert len(rows) == len(HOSTILE)


def test_results_are_yaml_of_public_datasets_only() -> None:
    tiny = board()
    text = eval_results(tiny, tiny.models[0])
    assert text is not None
    (entry,) = yaml.safe_load(text)
    assert entry["dataset"] == {"id": "org/t1", "task_id": "t1"} and entry["value"] == 64.0
    assert eval_results(tiny, tiny.models[3]) is None


def test_histories_are_of_runs_that_were_validated_more_than_once(repository: Path) -> None:
    tiny = board()
    records = ResultsDir(repository / "results" / "real-small").runs.read_all().by_key.values()
    known = [r for r in records if r.result is not None and len(r.result.history) > 1]
    found = page(tiny, tiny.models[0], list(records))["histories"]
    assert sum(one["seeds"] for one in found) == len(known)
