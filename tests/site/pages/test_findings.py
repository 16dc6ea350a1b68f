"""The page of findings."""

from __future__ import annotations

from intertrain_jax.diagnosis.findings import Finding
from intertrain_jax.site.board import Model
from intertrain_jax.site.pages.findings import page
from tests.boards import board


def test_the_gravest_come_first_with_their_models() -> None:
    found = (
        Finding(0, "good", "outlier", "note", "Far."),
        Finding(-1, "torn.json", "unreadable", "warning", "Torn."),
        Finding(1, "middle", "shifted", "error", "Moved."),
        Finding(2, "part", "shifted", "error", "Moved."),
    )
    shown = page(board(findings=found))
    order = [finding.model for finding, _ in shown["findings"]]
    assert order == ["middle", "part", "torn.json", "good"]
    assert [model and model.name for _, model in shown["findings"]] == [
        "middle",
        "part",
        None,
        "good",
    ]
    assert shown["said"] == "2 errors (2 shifted); 1 warning (1 unreadable); 1 note (1 outlier)"
    assert not shown["left_out"] and page(board(findings=()))["said"] == ""
    assert page(board(models=(Model("x", status="left out"),)))["left_out"]
