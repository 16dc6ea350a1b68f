"""Results directories: whose they are, and that checking them changes nothing."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.experiment import DataConfig, ModelConfig
from intertrain_jax.config.protocol import Protocol, TextProtocol
from intertrain_jax.config.ranking import RankConfig
from intertrain_jax.records.resolution import Resolution
from intertrain_jax.records.results_dir import ResultsDir
from tests.runs import make_config

CONFIG = make_config(tasks=({"name": "own", "labels": ["a", "b"]},))
RESOLUTION = Resolution({"model": "w"}, {"alpha": "d"}, "float32")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A directory that an experiment has written to."""
    ResultsDir(tmp_path / "out").write(CONFIG, RESOLUTION)
    return tmp_path / "out"


def listing(folder: Path) -> dict[str, str]:
    return {str(p): p.read_text("utf-8") for p in sorted(folder.rglob("*")) if p.is_file()}


def test_what_was_written_reads_back(out: Path) -> None:
    assert ResultsDir(out).experiment() == CONFIG
    assert ResultsDir(out).resolution() == RESOLUTION


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"seeds": 9},
        {"targets": ("beta", "delta")},
        {"sources": ()},
        {"model": ModelConfig("model", bases=("other",))},
        {"data": DataConfig(data_dir="/moved")},
        {"out": "/moved"},
        {"tasks": ({"name": "own", "labels": ["a", "b"]}, {"name": "new"})},
    ],
)
def test_an_experiment_may_grow_and_move(out: Path, change: dict[str, Any]) -> None:
    before = listing(out)
    ResultsDir(out).check(replace(CONFIG, **change), RESOLUTION)
    assert listing(out) == before


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"name": "another"}, "name"),
        ({"model": ModelConfig("other")}, "model.pretrained"),
        ({"model": ModelConfig("model", revision="v2")}, "model.revision"),
        ({"protocol": Protocol(learning_rate=1e-3)}, "protocol.learning_rate"),
        ({"protocol": Protocol(train_size=10)}, "protocol.train_size"),
        ({"data": DataConfig(limit=10)}, "data.limit"),
        ({"tasks": ({"name": "own", "labels": ["b", "a"]},)}, "tasks.own"),
    ],
)
def test_another_experiment_is_refused_by_key(out: Path, change: dict[str, Any], key: str) -> None:
    with pytest.raises(IntertrainError, match=f"belongs to another experiment: its '{key}' is"):
        ResultsDir(out).check(replace(CONFIG, **change), RESOLUTION)


@pytest.mark.parametrize(
    ("resolution", "message"),
    [
        (Resolution({"model": "other"}), "model 'model' has fingerprint other, there it had w"),
        (Resolution({}, {"alpha": "e"}), "data of task 'alpha' has fingerprint e, there it had d"),
        (Resolution({}, {}, "bfloat16"), "'protocol.precision' was resolved to float32"),
    ],
)
def test_other_content_under_the_same_name_is_refused(
    out: Path, resolution: Resolution, message: str
) -> None:
    with pytest.raises(IntertrainError, match=message):
        ResultsDir(out).check(CONFIG, resolution)


def test_what_is_not_known_yet_is_no_difference(out: Path) -> None:
    ResultsDir(out).check(CONFIG, Resolution({"model": None}, {"beta": "x"}))


def test_resolutions_accumulate(out: Path) -> None:
    ResultsDir(out).write(CONFIG, Resolution({"model": "w"}, {"beta": "b"}, "float32"))
    assert ResultsDir(out).resolution().data_fingerprints == {"alpha": "d", "beta": "b"}


def test_a_new_directory_is_not_made_by_checking(tmp_path: Path) -> None:
    ResultsDir(tmp_path / "a" / "b").check(CONFIG, RESOLUTION)
    assert list(tmp_path.iterdir()) == []


def test_a_directory_of_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(IntertrainError, match="must be empty or hold an experiment"):
        ResultsDir(tmp_path).check(CONFIG, RESOLUTION)


def test_what_a_kill_in_the_first_moment_leaves_is_fine(tmp_path: Path) -> None:
    (tmp_path / ".experiment.yaml.77.tmp").write_text("name: ti", "utf-8")
    (tmp_path / ".lock").touch()
    ResultsDir(tmp_path).check(CONFIG, RESOLUTION)


def test_a_broken_experiment_file_is_reported(out: Path) -> None:
    (out / "experiment.yaml").write_text("name: [", "utf-8")
    with pytest.raises(IntertrainError, match=r"experiment.yaml cannot be read .*Mend it"):
        ResultsDir(out).check(CONFIG, RESOLUTION)


def test_a_broken_resolution_file_is_reported(out: Path) -> None:
    (out / "resolution.json").write_text("{", "utf-8")
    with pytest.raises(IntertrainError, match=r"resolution.json cannot be read .*Delete"):
        ResultsDir(out).check(CONFIG, RESOLUTION)


@pytest.mark.parametrize("below", ["", "sub", "sub/sub"])
def test_a_file_in_the_way_is_reported(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(IntertrainError, match="output directory"):
        ResultsDir(tmp_path / "file" / below).check(CONFIG, RESOLUTION)


def test_an_unwritable_place_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Tests may run as root, whom no mode bits stop: the system's answer is what is replaced.
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
    with pytest.raises(IntertrainError, match=f"must be writable, but '{tmp_path}'"):
        ResultsDir(tmp_path / "new").check(CONFIG, RESOLUTION)


def test_a_failing_write_is_a_users_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(IntertrainError, match=r"must be writable, but .*Permission denied"):
        ResultsDir(tmp_path / "new").write(CONFIG, RESOLUTION)


def test_one_process_at_a_time(out: Path) -> None:
    with (
        ResultsDir(out).exclusive(),
        pytest.raises(IntertrainError, match="is in use by another process"),
        ResultsDir(out).exclusive(),
    ):
        pass
    with ResultsDir(out).exclusive():
        pass


RANKING = RankConfig("mnli", ("org/a", "org/b"), "org/pt")


def test_a_ranking_reads_back_and_may_lie_beside_an_experiment(out: Path) -> None:
    directory = ResultsDir(out)
    assert directory.ranking() is None
    directory.check(RANKING)
    directory.write(RANKING)
    assert (directory.ranking(), directory.experiment()) == (RANKING, CONFIG)
    assert directory.resolution() == RESOLUTION


def test_a_ranking_may_grow(tmp_path: Path) -> None:
    ResultsDir(tmp_path).write(RANKING)
    grown = replace(RANKING, models=("org/c",), seeds=9, estimators=("lp", "knn"))
    rates = replace(grown, learning_rates=(1.0,), protocol=Protocol(learning_rate=1.0))
    for config in (grown, rates):
        ResultsDir(tmp_path).check(config)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"task": "rte"}, "task"),
        ({"protocol": Protocol(head="inherit")}, "protocol.head"),
        ({"protocol": Protocol(head="inherit", text=TextProtocol())}, "protocol.head"),
        ({"data": DataConfig(limit=10)}, "data.limit"),
    ],
)
def test_another_ranking_is_refused_by_key(
    tmp_path: Path, change: dict[str, Any], key: str
) -> None:
    ResultsDir(tmp_path).write(RANKING)
    with pytest.raises(IntertrainError, match=f"belongs to another ranking: its '{key}' is"):
        ResultsDir(tmp_path).check(replace(RANKING, **change))


def test_the_pretrained_model_may_be_spelled_in_another_way(tmp_path: Path) -> None:
    config = replace(CONFIG, model=ModelConfig("org/pt", revision="v1"))
    ResultsDir(tmp_path).write(config)
    for spelling in ("org/pt@v1", "https://huggingface.co/org/pt/tree/v1"):
        ResultsDir(tmp_path).check(replace(config, model=ModelConfig(spelling)))


def test_a_new_directory_can_be_held_before_anything_is_in_it(tmp_path: Path) -> None:
    directory = ResultsDir(tmp_path / "a" / "b")
    with directory.exclusive():
        directory.write(CONFIG, RESOLUTION)
    assert directory.experiment() == CONFIG


def test_what_another_process_made_its_own_since_is_not_overwritten(tmp_path: Path) -> None:
    ours, theirs = ResultsDir(tmp_path), ResultsDir(tmp_path)
    ours.check(CONFIG)
    theirs.write(replace(CONFIG, name="theirs"))
    before = listing(tmp_path)
    with pytest.raises(IntertrainError, match="belongs to another experiment: its 'name'"):
        ours.write(CONFIG)
    assert listing(tmp_path) == before


def test_a_note_adds_to_what_is_known(out: Path) -> None:
    directory = ResultsDir(out)
    directory.note(Resolution(revisions={"org/a": "c0ffee"}))
    assert directory.resolution() == replace(RESOLUTION, revisions={"org/a": "c0ffee"})
