"""`tasks list`, `tasks show` and `tasks check`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
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


def test_check_goes_on_after_what_is_wrong(tmp_path: Path, config_file: str) -> None:
    file = tmp_path / "data" / "alpha" / "train.jsonl"
    rows = file.read_text("utf-8").splitlines()
    rows[3] = rows[3].replace('"label"', '"lable"')
    rows[7] = rows[7].replace("film", "film \\ud800")
    file.write_text("\n".join(rows), "utf-8")
    result = invoke("check", "alpha", "beta", "--config", config_file)
    assert result.exit_code == 2
    first, second = result.stderr.splitlines()
    assert "row 4" in first and "has no value in column 'label'" in first
    assert "row 8" in second and "half a character" in second
    # The next task is described all the same.
    assert "beta (kind data_dir" in result.output and "alpha (kind" not in result.output
    file.write_text("\n".join(row.replace('"label"', '"lable"') for row in rows[1:]), "utf-8")
    result = invoke("check", "alpha", "--config", config_file)
    assert result.exit_code == 2 and result.stderr.startswith("error: task 'alpha'")


def test_check_of_real_data(shared_data: Path) -> None:
    result = invoke("check", "rte", "--data-dir", str(shared_data))
    assert result.exit_code == 0
    assert "test: 277 rows" in result.output


OWN = {"name": "mine", "texts": ["{title}: {text}"], "label": "mood"}


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A spreadsheet, and an experiment and a ranking that define a task by it."""
    monkeypatch.chdir(tmp_path)
    lines = [f'"t{k}";"bread; no {k} soup";{("sad", "merry")[k % 2]}' for k in range(40)]
    (tmp_path / "mine.csv").write_bytes(
        "\r\n".join(["title;text;mood", *lines]).encode("utf-8-sig")
    )
    tasks = [{**OWN, "file": "mine.csv"}]
    whole = {"name": "x", "model": {"pretrained": "quickstart"}, "sources": [], "targets": ["mine"]}
    (tmp_path / "my.yaml").write_text(yaml.safe_dump({**whole, "tasks": tasks}), "utf-8")
    ranking = {"models": ["quickstart"], "task": "mine", "tasks": tasks}
    (tmp_path / "rank.yaml").write_text(yaml.safe_dump(ranking), "utf-16")
    return tmp_path


@pytest.mark.parametrize("config", ["my.yaml", "rank.yaml"])
def test_tasks_of_a_configuration_are_shown_and_listed(own: Path, config: str) -> None:
    output = invoke("show", "mine", "--config", config).output
    assert "label:  mood: those that occur, sorted" in output
    assert "a missing validation or test is cut from train" in output
    assert "file:   mine.csv" in output
    lines = invoke("list", "--config", config).output.splitlines()
    assert lines[0].split()[0] == "mine" and lines[-1].startswith(f"{len(list_tasks()) + 1} tasks")
    assert invoke("list", "mine", "--config", config).output.startswith("mine  mine")
    assert invoke("show", "mine").exit_code == 2


@pytest.mark.parametrize("config", ["my.yaml", "rank.yaml"])
def test_check_says_what_was_found_out_of_a_spreadsheet(own: Path, config: str) -> None:
    limited = invoke("check", "mine", "--config", config, "--limit", "5")
    assert "train: 5 rows" in limited.output
    result = invoke("check", "mine", "--config", config)
    assert result.exit_code == 0
    for said in (
        "note: mine.csv: columns are separated by semicolons",
        "note: labels are in sorted order: 0 merry, 1 sad",
        "note: validation and test made of train, with its shares of classes",
        "train: 33 rows",
        "merry 16, sad 17",
        "validation: 3 rows",
        "test: 4 rows",
        "    merry 2, sad 2",
    ):
        assert said in result.output


def test_check_finds_half_a_character(own: Path) -> None:
    lines = [f'{{"title": "t", "text": "soup {k}", "mood": "sad"}}' for k in range(5)]
    lines.insert(3, '{"title": "t", "text": "a \\ud83d b", "mood": "merry"}')
    (own / "mine.jsonl").write_text("\n\n".join(lines), "utf-8")
    overrides = ("--set", "tasks=[{name: mine, texts: ['{text}'], label: mood, file: mine.jsonl}]")
    result = invoke("check", "mine", "--config", "my.yaml", *overrides)
    assert result.exit_code == 2 and len(result.stderr.splitlines()) == 1
    assert "mine.jsonl', row 4 has half a character" in result.stderr
    assert "Mend that row (line 7)" in result.stderr


def test_the_readme_s_own_file_is_read(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = (repository / "README.md").read_text("utf-8").replace("\\\n", "")
    rows = [f"Hello {k},please help me,{('login', 'billing')[k % 2]}" for k in range(40)]
    (tmp_path / "tickets.csv").write_text("\n".join(["subject,body,queue", *rows]), "utf-8")
    (check,) = re.findall(r"^intertrain-jax tasks (check tickets\.csv)", text, re.MULTILINE)
    result = invoke(*check.split())
    assert result.exit_code == 0, result.stderr
    assert "labels are in column 'queue', by its name" in result.output
    assert "texts are pairs, 'subject' and 'body', by their names" in result.output
    assert "tickets: 4 test examples can show gains of 31.0 points or more" in result.output
    result = invoke(*check.split(), "--text", "{subject}: {body}", "--label", "queue")
    assert "guess" not in result.output and "are in column" not in result.output
    (grid,) = re.findall(
        r"^intertrain-jax (grid --target tickets\.csv [^#\n]*)", text, re.MULTILINE
    )
    (models,) = re.findall(r"--bases (\S+)", grid)
    (tmp_path / models).parent.mkdir(parents=True)
    (tmp_path / models).write_text("org/one\norg/two\n", "utf-8")
    planned = CliRunner().invoke(main, [*grid.replace("'", "").split(), "--dry-run"])
    assert planned.exit_code == 0, planned.output
    assert "9 runs (2 base models beside PT, 1 target, 3 seeds)" in planned.output


def test_a_file_that_cannot_be_used_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.csv").write_text("text,label\n" + "so so,fine\n" * 12, "utf-8")
    result = invoke("check", "mine.csv")
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1 and "the one value 'fine' in all 12 rows" in result.stderr
    result = invoke("check", "rte", "--text", "sentence1")
    assert result.exit_code == 2 and "--text says what is in a file of your own" in result.stderr


def test_what_a_terminal_s_encoding_lacks_is_written_out(own: Path) -> None:
    tasks = [{**OWN, "title": "Grüße 😀", "file": "mine.csv"}]
    (own / "odd.yaml").write_text(yaml.safe_dump({"tasks": tasks}), "utf-8")
    command = ["-m", "intertrain_jax", "tasks", "show", "mine", "--config", "odd.yaml"]
    paths = os.pathsep.join(entry for entry in sys.path if entry)
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1", "PYTHONPATH": paths}
    done = subprocess.run([sys.executable, *command], capture_output=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"mine: Gr\xfc\xdfe \\U0001f600\n")


def test_what_a_terminal_would_act_on_is_written_out(own: Path) -> None:
    tasks = [{**OWN, "title": "a\x1b[31m\nb\u202e", "file": "mine.csv"}]
    (own / "odd.yaml").write_text(yaml.safe_dump({"tasks": tasks}), "utf-8")
    assert invoke("show", "mine", "--config", "odd.yaml").output.startswith(
        "mine: a\\x1b[31m\\nb\\u202e\n"
    )


@pytest.mark.parametrize("tasks", ["mine", ["mine"], [None], {"mine": {"texts": ["{t}"]}}])
def test_tasks_that_are_none_are_one_line(own: Path, tasks: object) -> None:
    (own / "bad.yaml").write_text(yaml.safe_dump({"tasks": tasks}), "utf-8")
    for command in (("list",), ("show", "mine")):
        result = invoke(*command, "--config", "bad.yaml")
        assert result.exit_code == 2 and len(result.stderr.splitlines()) == 1
        assert "must be a list of mappings" in result.stderr
