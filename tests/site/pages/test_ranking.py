"""The ranking: rows, cells and the CSV."""

from __future__ import annotations

from intertrain_jax.site.board import Cell
from intertrain_jax.site.pages.ranking import cell_of, csv, groups_text, page, rank_text
from intertrain_jax.site.scale import Scale
from tests.boards import board


def test_every_model_has_a_row_and_every_target_a_cell() -> None:
    found = page(board())
    assert [row["model"].name for row in found["rows"]] == ["good", "middle", "part", "broken"]
    assert all(len(row["cells"]) == 2 for row in found["rows"])
    assert found["rows"][2]["cells"][1] is None
    assert found["own"] and found["probed"]


def test_a_cell_is_sorted_by_its_number_and_says_its_interval() -> None:
    found = cell_of(Cell(6.2, 1.0, 11.4, 1, own=True), Scale(10.0))
    assert found is not None
    assert (found["order"], found["text"], found["half"]) == ("6.2", "+6.2", "±5.2")
    assert found["said"] == "[+1.00, +11.40], 1 seed, trained on this target"
    assert found["css"] == "p3 own"
    alone = cell_of(Cell(-0.04), Scale(10.0))
    assert alone is not None and (alone["text"], alone["said"]) == ("0.0", "")


def test_ranks_and_groups_as_text() -> None:
    good, _, _, broken = board().models
    assert rank_text(good) == "1" and rank_text(broken) == ""
    assert [groups_text(g) for g in ((), (3,), (2, 3, 4))] == ["", "3", "2–4"]


def test_the_csv_has_every_model() -> None:
    lines = csv(board()).splitlines()
    assert len(lines) == 5
    assert lines[0].endswith("status,reason,gain: t1,gain: t2")
    assert "failed,Its file is damaged.,," in lines[4]
