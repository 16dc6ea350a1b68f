"""Studies as files: parts, what is expanded in them, overrides, and what is wrong with them."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.files import bundled_configs
from intertrain_jax.config.study import StudyConfig, is_study, load_study
from intertrain_jax.workflows.study_plan import plan_study

BUNDLED = sorted(name for name in bundled_configs() if is_study(name))
RAW: dict[str, Any] = {
    "name": "s",
    "model": {"pretrained": "quickstart"},
    "protocol": {"epochs": 3, "train_size": 100},
    "engine": {"keep": "sources"},
    "study": {
        "a": {"sources": ["reviews", "claims"], "targets": ["dishes"], "seeds": 2},
        "b": {
            "sources": {"part": "a", "best": 1, "worst": 1},
            "targets": ["dishes"],
            "protocol": {"epochs": 4},
            "each": {"source_protocol.train_size": [50, 100], "seeds": [1, 3]},
        },
        "c": {
            "sources": ["reviews"],
            "targets": ["dishes"],
            "each": {"x": {"group": "good"}, "y": {"group": "bad", "protocol.epochs": 9}},
        },
        "d": {"rank": {"of": "a", "task": "entailment", "estimators": ["lp", "knn"]}},
    },
}


def changed(part: str, **keys: Any) -> dict[str, Any]:
    raw = deepcopy(RAW)
    raw["study"].setdefault(part, {}).update(keys)
    return raw


def labels(study: StudyConfig) -> list[str]:
    return [setting.label for setting in study.settings]


@pytest.mark.parametrize("name", BUNDLED)
def test_every_study_in_configs_plans_without_data_and_says_its_command(
    name: str, tmp_path: Path
) -> None:
    text = bundled_configs()[name].read_text("utf-8")
    assert text.startswith("# ") and f"intertrain-jax study {name}" in text
    # Elsewhere than results/, where one of them is done.
    plan = plan_study(name, out=tmp_path)
    assert plan.config.name == name.rpartition("/")[2]
    assert plan.runs > 0 and plan.cost.train_tokens > 0
    # The size of a model in a package is known where that is installed.
    assert plan.cost.flops or "package:" in text


def test_lists_are_combined_and_names_are_settings_of_their_own() -> None:
    study = load_study(RAW)
    sizes = ["b-50-1", "b-50-3", "b-100-1", "b-100-3"]
    assert labels(study) == ["a", *sizes, "c-x", "c-y", "d"]
    out = Path("there")
    grids = {s.label: s.experiment(out) for s in study.grids}
    assert grids["b-50-3"].protocol_of_sources.train_size == 50
    assert (grids["b-50-3"].protocol.train_size, grids["b-50-3"].seeds) == (100, 3)
    # A part changes the keys that it names, and has the others of all.
    assert [grids[x].protocol.epochs for x in ("a", "b-50-1", "c-x", "c-y")] == [3, 4, 3, 9]
    assert [s.group for s in study.grids] == [None] * 5 + ["good", "bad"]
    assert grids["c-y"].out == "there/c-y"
    assert grids["a"].source_protocol == {}


def test_a_ranking_of_sources_is_over_the_pretrained_model() -> None:
    (setting,) = load_study(RAW).rankings
    ranking = setting.ranking(Path("there"), ["m/reviews", "m/claims"])
    assert ranking.pretrained == "quickstart" and ranking.out == "there/d"
    assert ranking.models == ("m/reviews", "m/claims")
    assert (ranking.task, ranking.estimators, setting.of) == ("entailment", ("lp", "knn"), "a")


def test_overrides_are_for_all_parts_or_for_one() -> None:
    out = Path("x")
    study = load_study(RAW, ["protocol.epochs=5", "c.protocol.batch_size=7", "b.seeds=2"], limit=9)
    grids = {s.label: s.experiment(out) for s in study.grids}
    assert [grids[x].protocol.epochs for x in ("a", "b-50-1", "c-x")] == [5, 4, 5]
    assert [grids[x].protocol.batch_size for x in ("a", "c-x")] == [256, 7]
    assert {grid.data.limit for grid in grids.values()} == {9}
    assert load_study(RAW, {"c.protocol.batch_size": 7}).settings[5].keys["protocol"] == {
        "epochs": 3,
        "train_size": 100,
        "batch_size": 7,
    }


def test_a_study_reads_back_from_its_plain_values() -> None:
    study = load_study(RAW, ["a.seeds=1"], out="elsewhere")
    assert load_study(study.plain) == study
    assert str(study.out_dir) == "elsewhere" and str(load_study(RAW).out_dir) == "results/s"


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"name": "s"}, "'study' must name at least one part, got nothing"),
        ({**RAW, "name": None}, "must have the config key 'name'"),
        (changed("a", seed=3), "study part 'a': unknown config key 'seed'. Did you mean 'seeds'"),
        (changed("b", sources={"part": "x", "best": 1}), "build on an earlier part .* got 'x'"),
        (changed("b", sources={"part": "a"}), "must choose at least one source"),
        (changed("b", sources={"part": "c", "best": 1}), "build on an earlier part .* got 'c'"),
        (changed("b", each={"seeds": 3}), "'study.b.each' must have lists of values by key"),
        (changed("b", each={"seeds": [2, 2]}), "are called 'b-2'"),
        (changed("c", group=3, each={}), "'study.c.group' must be text, got 3"),
        (changed("d", rank={"of": "b", "task": "x"}), "build on an earlier part"),
        (changed("d", rank={"of": "a"}), "study part 'd': the config key 'task' is missing"),
        (changed("a", engine={"keep": "none"}), "which keeps none. Set engine.keep: sources"),
        (changed("work", sources=[]), "neither a key of an experiment nor one of work"),
        (changed("Big", sources=[]), "must be small letters"),
        ({**RAW, "study": {"a": [1]}}, "'study.a' must be a mapping of keys, got a list"),
        (
            changed("a", source_protocol={"max_length": 9}),
            "'source_protocol.max_length' cannot be set",
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_line(raw: dict[str, Any], message: str) -> None:
    with pytest.raises(IntertrainError, match=message) as caught:
        load_study(raw)
    assert "\n" not in str(caught.value)
