"""Configurations of rankings, lists of models, and the names in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.files import to_yaml
from intertrain_jax.config.ranking import RankConfig, load_rank_config
from intertrain_jax.config.refs import ModelRef, bundled_lists, read_model_list


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("org/name", ModelRef("org/name")),
        ("org/name@v1.2", ModelRef("org/name", "v1.2")),
        ("dir@home/model", ModelRef("dir@home/model")),
        ("quickstart", ModelRef("quickstart")),
        ("@odd", ModelRef("@odd")),
    ],
)
def test_references(text: str, expected: ModelRef) -> None:
    assert ModelRef.parse(text) == expected
    assert ModelRef.parse(text).label == text


def test_a_directory_may_have_an_at_in_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model@2").mkdir()
    monkeypatch.chdir(tmp_path)
    assert ModelRef.parse("model@2") == ModelRef("model@2")


def test_a_list_has_comments_and_names_the_pretrained_model(tmp_path: Path) -> None:
    path = tmp_path / "models.txt"
    path.write_text("# people\n\npretrained: org/base  # PT\norg/a # first\norg/b#2\n")
    found = read_model_list(str(path))
    assert found.pretrained == "org/base"
    assert found.models == ("org/a", "org/b#2")


def test_a_list_names_each_model_once(tmp_path: Path) -> None:
    path = tmp_path / "models.txt"
    path.write_text("org/a\norg/b\norg/a\n")
    with pytest.raises(IntertrainError, match="each model once, got org/a repeatedly"):
        read_model_list(str(path))


def test_a_list_that_is_not_there_is_named_with_the_nearest() -> None:
    with pytest.raises(IntertrainError, match=r"model list 'roberta66'.*Did you mean 'roberta-66'"):
        read_model_list("roberta66")


def test_the_papers_models_come_with_the_package() -> None:
    lists = {name: read_model_list(name) for name in bundled_lists()}
    assert set(lists) == {"roberta-66", "t5-25"}
    # Rows of the paper's tables, less models in two groups and names that cannot be completed.
    assert len(lists["roberta-66"].models) == 63
    assert len(lists["t5-25"].models) == 22
    assert lists["roberta-66"].pretrained == "FacebookAI/roberta-base"
    assert lists["t5-25"].pretrained == "google-t5/t5-small"
    for found in lists.values():
        assert all(model.count("/") == 1 and "..." not in model for model in found.models)


def test_the_pretrained_model_comes_first_and_once() -> None:
    config = RankConfig("mnli", ("a", "b"), pretrained="b")
    assert [ref.label for ref in config.refs] == ["b", "a"]
    assert config.protocol.method == "probe"


def test_yaml_and_back(tmp_path: Path) -> None:
    config = RankConfig("mnli", ("a@1",), "b", 3, (1e-3,), ("lp", "knn"), out="x")
    path = tmp_path / "rank.yaml"
    path.write_text(to_yaml(config))
    assert load_rank_config(str(path), {}, ()) == config


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
        ({"models": ["a", "a"]}, "must name each entry once"),
        ({"estimators": ["lp", "logm"]}, "got 'logm'. Did you mean 'logme'"),
        ({"estimators": ["logme"]}, "must begin with 'lp'"),
        ({"learning_rates": []}, "must not be empty"),
        ({"learning_rates": [0.0]}, "rates be > 0"),
        ({"seeds": 0}, "'seeds' must be >= 1"),
        ({"sedes": 1}, "unknown config key 'sedes'. Did you mean 'seeds'"),
        ({"protocol": {"epochs": "many"}}, "'protocol.epochs' must be"),
    ],
)
def test_bad_values_are_errors(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(IntertrainError, match=message):
        load_rank_config(None, {"task": "mnli", "models": ["a"], **changes}, ())
