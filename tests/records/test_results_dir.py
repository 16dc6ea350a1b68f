"""Results directories: whose they are, and that checking them changes nothing."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.experiment import DataConfig, ModelConfig
from intertrain_jax.config.protocol import Protocol
from intertrain_jax.records.results_dir import (
    Resolution,
    check_out_dir,
    exclusive,
    read_experiment,
    read_resolution,
    write_experiment,
)
from tests.runs import make_config

CONFIG = make_config(tasks=({"name": "own", "labels": ["a", "b"]},))
RESOLUTION = Resolution({"model": "w"}, {"alpha": "d"}, "float32")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A directory that an experiment has written to."""
    write_experiment(tmp_path / "out", CONFIG, RESOLUTION)
    return tmp_path / "out"


def listing(folder: Path) -> dict[str, str]:
    return {str(p): p.read_text("utf-8") for p in sorted(folder.rglob("*")) if p.is_file()}


def test_what_was_written_reads_back(out: Path) -> None:
    assert read_experiment(out) == CONFIG
    assert read_resolution(out) == RESOLUTION


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
    check_out_dir(out, replace(CONFIG, **change), RESOLUTION)
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
        check_out_dir(out, replace(CONFIG, **change), RESOLUTION)


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
        check_out_dir(out, CONFIG, resolution)


def test_what_is_not_known_yet_is_no_difference(out: Path) -> None:
    check_out_dir(out, CONFIG, Resolution({"model": None}, {"beta": "x"}))


def test_resolutions_accumulate(out: Path) -> None:
    write_experiment(out, CONFIG, Resolution({"model": "w"}, {"beta": "b"}, "float32"))
    assert read_resolution(out).data_fingerprints == {"alpha": "d", "beta": "b"}


def test_a_new_directory_is_not_made_by_checking(tmp_path: Path) -> None:
    check_out_dir(tmp_path / "a" / "b", CONFIG, RESOLUTION)
    assert list(tmp_path.iterdir()) == []


def test_a_directory_of_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(IntertrainError, match="must be empty or hold an experiment"):
        check_out_dir(tmp_path, CONFIG, RESOLUTION)


def test_what_a_kill_in_the_first_moment_leaves_is_fine(tmp_path: Path) -> None:
    (tmp_path / ".experiment.yaml.77.tmp").write_text("name: ti", "utf-8")
    check_out_dir(tmp_path, CONFIG, RESOLUTION)


def test_a_broken_experiment_file_is_reported(out: Path) -> None:
    (out / "experiment.yaml").write_text("name: [", "utf-8")
    with pytest.raises(IntertrainError, match=r"experiment.yaml cannot be read .*Mend it"):
        check_out_dir(out, CONFIG, RESOLUTION)


def test_a_broken_resolution_file_is_reported(out: Path) -> None:
    (out / "resolution.json").write_text("{", "utf-8")
    with pytest.raises(IntertrainError, match=r"resolution.json cannot be read .*Delete"):
        check_out_dir(out, CONFIG, RESOLUTION)


@pytest.mark.parametrize("below", ["", "sub", "sub/sub"])
def test_a_file_in_the_way_is_reported(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(IntertrainError, match="output directory"):
        check_out_dir(tmp_path / "file" / below, CONFIG, RESOLUTION)


def test_an_unwritable_place_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Tests may run as root, whom no mode bits stop: the system's answer is what is replaced.
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
    with pytest.raises(IntertrainError, match=f"must be writable, but '{tmp_path}'"):
        check_out_dir(tmp_path / "new", CONFIG, RESOLUTION)


def test_a_failing_write_is_a_users_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(IntertrainError, match=r"must be writable, but .*Permission denied"):
        write_experiment(tmp_path / "new", CONFIG, RESOLUTION)


def test_one_process_at_a_time(out: Path) -> None:
    with (
        exclusive(out),
        pytest.raises(IntertrainError, match="is in use by another process"),
        exclusive(out),
    ):
        pass
    with exclusive(out):
        pass
