"""`tasks list`, `tasks show` and `tasks check`."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from intertrain_jax.cli import main
from intertrain_jax.data.tasks import list_tasks


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["tasks", *arguments], catch_exceptions=False)


def test_list_has_every_task() -> None:
    result = invoke("list")
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert [line.split()[0] for line in lines[:-1]] == [task.name for task in list_tasks()]
    assert "NLI (6)" in lines[-1]


def test_list_of_groups_and_patterns() -> None:
    output = invoke("list", "Twitter", "w*").output
    assert "tweet_irony " in output
    assert "wnli " in output
    assert "\nmnli " not in output


def test_show() -> None:
    output = invoke("show", "mnli").output
    assert "validation = validation_matched" in output
    assert "0 entailment, 1 neutral, 2 contradiction" in output
    assert "validation = cut from train" in invoke("show", "rte").output
    result = invoke("show", "mnil")
    assert result.exit_code == 2
    assert "Did you mean 'mnli'" in result.stderr


def test_check_describes_splits(config_file: str) -> None:
    result = invoke("check", "alpha", "beta", "--config", config_file)
    assert result.exit_code == 0
    assert "alpha (kind data_dir" in result.output
    assert "train: 36 rows, 3 words on average, at most 4\n    bad 18, good 18" in result.output
    assert "test: 20 rows" in result.output
    assert "20 of them also in train" in result.output


def test_check_of_a_wrong_task(tmp_path: Path, config_file: str) -> None:
    (tmp_path / "data" / "alpha" / "train.jsonl").unlink()
    result = invoke("check", "alpha", "--config", config_file)
    assert result.exit_code == 2
    assert result.stderr.startswith("error: task 'alpha'")


def test_check_of_real_data(shared_data: Path) -> None:
    result = invoke("check", "rte", "--data-dir", str(shared_data))
    assert result.exit_code == 0
    assert "test: 277 rows" in result.output
