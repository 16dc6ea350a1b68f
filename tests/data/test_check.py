"""`tasks check`: sizes, label counts, lengths, and texts that train and test share."""

from __future__ import annotations

from pathlib import Path

from intertrain_jax.config.experiment import DataConfig
from intertrain_jax.data.check import check_task
from intertrain_jax.data.tasks import get_task


def test_check_counts_labels_and_overlap(tmp_path: Path) -> None:
    folder = tmp_path / "rte"
    folder.mkdir()
    row = '{{"sentence1": "a {}", "sentence2": "b c", "label": {}}}\n'
    rows = [row.format(i, i % 2) for i in range(20)]
    (folder / "train.jsonl").write_text("".join(rows))
    (folder / "validation.jsonl").write_text(
        rows[5] + row.format("new", 1) + row.format("newer", 0)
    )
    report = check_task(get_task("rte"), DataConfig(data_dir=str(tmp_path)))
    test = report.splits[2]
    assert (test.name, test.rows, test.also_in_train, test.mean_words) == ("test", 3, 1, 4.0)
    assert test.labels == {"entailment": 1, "not_entailment": 2}
    assert report.splits[0].also_in_train == 0 and report.splits[0].most_words == 4
    assert report.task.name == "rte" and report.origin["rows"]["test"] == 3
