"""Configurations of rankings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.files import to_yaml
from intertrain_jax.config.ranking import RankConfig, load_rank_config


def test_the_pretrained_model_comes_first_and_once() -> None:
    config = RankConfig("mnli", ("a", "b"), pretrained="b")
    assert [ref.label for ref in config.refs] == ["b", "a"]
    assert config.protocol.method == "probe"


def test_the_pretrained_model_is_once_however_it_is_spelled(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    one, again = str(tmp_path / "own"), str(tmp_path / "." / "own") + "/"
    for pretrained, spelled in (("org/a", "https://huggingface.co/org/a"), (one, again)):
        config = RankConfig("mnli", ("org/b", spelled), pretrained)
        assert [ref.label for ref in config.refs] == [pretrained, "org/b"]


def test_yaml_and_back(tmp_path: Path) -> None:
    config = RankConfig("mnli", ("a@1",), "b", 3, (1e-3,), ("lp", "knn"), out="x")
    path = tmp_path / "rank.yaml"
    path.write_text(to_yaml(config))
    assert load_rank_config(path) == config


def test_options_override_the_file_and_overrides_come_last(tmp_path: Path) -> None:
    path = tmp_path / "rank.yaml"
    path.write_text("task: mnli\nmodels: [a]\nseeds: 2\nprotocol: {epochs: 3}\n")
    given = {"seeds": 4, "task": "rte", "protocol.head": "inherit", "data.data_dir": "a: b"}
    config = load_rank_config(str(path), given, ("seeds=5",))
    assert (config.task, config.seeds, config.protocol.epochs) == ("rte", 5, 3.0)
    assert (config.protocol.head, config.data.data_dir) == ("inherit", "a: b")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"models": []}, "at least one model"),
        ({"models": ["a", "a"]}, "must name each model once, got a repeatedly"),
        ({"estimators": ["logme"]}, "must begin with 'lp'"),
        ({"learning_rates": []}, "must not be empty"),
        ({"learning_rates": [0.0]}, "rates be > 0"),
        ({"seeds": 0}, "'seeds' must be >= 1"),
        ({"seeds": 10**9}, "'seeds' must be at most 1,000"),
        ({"sedes": 1}, "unknown config key 'sedes'. Did you mean 'seeds'"),
        ({"protocol": {"epochs": "many"}}, "'protocol.epochs' must be"),
    ],
)
def test_bad_values_are_errors(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(IntertrainError, match=message):
        load_rank_config({"task": "mnli", "models": ["a"], **changes})
