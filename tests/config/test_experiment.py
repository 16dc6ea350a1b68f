"""Configurations: bundled files, overrides, strictness, ranges, round trip."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.experiment import (
    DataConfig,
    EngineConfig,
    ExperimentConfig,
    ModelConfig,
    load_config,
)
from intertrain_jax.config.files import bundled_configs, to_yaml
from intertrain_jax.config.protocol import Protocol
from intertrain_jax.config.refs import ModelRef, read_model_list
from intertrain_jax.config.study import is_study

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
GRIDS = sorted(name for name in bundled_configs() if not is_study(name))


@pytest.mark.parametrize("name", GRIDS)
def test_every_file_in_configs_parses(name: str) -> None:
    config = load_config(name, [])
    assert config.name == name.rpartition("/")[2]
    text = bundled_configs()[name].read_text("utf-8")
    assert text.startswith("# ")
    assert "intertrain-jax grid" in text


@pytest.mark.parametrize("name", GRIDS)
def test_resolved_yaml_reads_back_equal(name: str, tmp_path: Path) -> None:
    config = load_config(
        name, ["protocol.learning_rate=3e-5", "tasks=[{name: own, labels: [a, b]}]"]
    )
    path = tmp_path / "experiment.yaml"
    path.write_text(to_yaml(config), "utf-8")
    assert load_config(str(path), []) == config


def test_resolved_yaml_has_the_defaults() -> None:
    text = to_yaml(load_config("quickstart", []))
    assert "adam_beta2: 0.999" in text
    assert "keep_checkpoints: false" in text


def test_the_papers_protocol_is_the_default() -> None:
    roberta, bert = load_config("paper/inhouse-roberta"), load_config("paper/inhouse-bert")
    assert roberta.protocol == Protocol()
    assert bert.protocol == replace(Protocol(), learning_rate=2e-5, weight_decay=0.0)


def test_the_papers_models_off_the_shelf_are_those_of_its_list() -> None:
    config = load_config("paper/offtheshelf-roberta")
    listed = read_model_list("roberta-66")
    assert tuple(ref.label for ref in config.model.base_refs) == listed.models
    assert config.model.pretrained == listed.pretrained
    assert replace(config.protocol, head="fresh") == Protocol()


def test_overrides_win_in_order() -> None:
    config = load_config("quickstart", ["seeds=2", "seeds=3", "protocol.epochs=7", "out=/x"])
    assert (config.seeds, config.protocol.epochs, config.out_dir) == (3, 7.0, Path("/x"))


def test_keys_override_and_leave_alone_what_they_do_not_name() -> None:
    keys = {"seeds": 4, "protocol": {"epochs": 7}, "data.data_dir": Path("a: b"), "targets": ("x",)}
    config, plain = load_config("quickstart", keys, seeds=3, limit=None), load_config("quickstart")
    assert (config.seeds, config.protocol.epochs, config.data.data_dir) == (3, 7.0, "a: b")
    assert config.data.limit == plain.data.limit
    assert config.protocol == replace(plain.protocol, epochs=7.0)
    assert config.targets == ("x",) and plain.targets != ("x",)


def test_a_configuration_or_plain_values_may_be_given_instead_of_a_file() -> None:
    config = load_config("quickstart")
    assert load_config(config) == config
    assert load_config(config, seeds=9) == replace(config, seeds=9)
    raw = {"name": "x", "model": {"pretrained": "m"}, "sources": [], "targets": ["t"]}
    assert load_config(raw, {"protocol": Protocol(epochs=2)}, seeds=1).protocol.epochs == 2.0
    assert set(raw) == {"name", "model", "sources", "targets"}, "what was given is not changed"
    # What is null in a resolved configuration can be given keys.
    text = load_config(config, ["protocol.text.decision=classify"]).protocol.text
    assert text is not None and text.decision == "classify"
    with pytest.raises(IntertrainError, match=r"must be a name, a file's path, a mapping or Exp"):
        load_config(3)  # type: ignore[arg-type]
    with pytest.raises(IntertrainError, match=r"'sedes' is no option of an .*Did you mean 'seeds'"):
        load_config("quickstart", sedes=3)  # type: ignore[call-arg]


def test_models_may_be_pinned_and_spelled_as_addresses() -> None:
    model = ModelConfig("https://huggingface.co/org/pt/tree/v1", bases=("org/a@refs/pr/1", "org/a"))
    assert model.ref == ModelRef("org/pt", "v1")
    assert [ref.label for ref in model.base_refs] == ["org/a@refs/pr/1", "org/a"]
    assert ModelConfig("org/pt", "v1").ref == model.ref
    with pytest.raises(IntertrainError, match="'v1', and beside it 'v2'"):
        ModelConfig("org/pt@v1", "v2")
    with pytest.raises(IntertrainError, match="must be the address of a model"):
        ModelConfig("https://huggingface.co/datasets/a/b")


def test_a_list_gives_the_bases() -> None:
    config = load_config("quickstart", {"model": {"bases": ["old"]}}, bases=["org/a", "b"])
    assert config.model.bases == ("org/a", "b")


def test_default_results_directory() -> None:
    assert load_config("quickstart").out_dir == Path("results/quickstart")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("protocl.epochs=3", "unknown config key 'protocl'. Did you mean 'protocol'"),
        ("protocol.epoch=3", "unknown config key 'protocol.epoch'. Did you mean 'epochs'"),
        ("seeds=0", "config key 'seeds' must be >= 1, got 0"),
        ("seeds=two", "config key 'seeds' must be a whole number, got 'two'"),
        ("protocol.learning_rate=0", "'protocol.learning_rate' must be > 0, got 0.0"),
        ("protocol.learning_rate=.nan", "'protocol.learning_rate' must be a number, got nan"),
        ("protocol.batch_size=0", "'protocol.batch_size' must be >= 1"),
        ("protocol.warmup_fraction=1.5", r"'protocol.warmup_fraction' must be in \[0, 1\]"),
        ("protocol.dropout=1", r"'protocol.dropout' must be in \[0, 1\)"),
        ("protocol.max_length=4", "'protocol.max_length' must be >= 8"),
        ("protocol.method=lora", "'protocol.method' must be 'finetune' or 'probe' or 'lp_then_ft'"),
        ("protocol.epochs=null", "may be null only where 'protocol.max_examples' bounds"),
        ("engine.lanes=0", "'engine.lanes' must be >= 1 or 'auto', got 0"),
        ("seeds=1000000", "'seeds' must be at most 1,000, got 1000000"),
        ("engine.lanes=100000", "'engine.lanes' must be at most 4,096, got 100000"),
        ("engine.block_rows=99999999", "'engine.block_rows' must be at most 65,536"),
        ("protocol.batch_size=99999999", "'protocol.batch_size' must be at most 65,536"),
        ("engine.lanes=many", "'engine.lanes' must be a whole number or 'auto', got 'many'"),
        ("engine.checkpoint_minutes=0", "'engine.checkpoint_minutes' must be > 0"),
        ("engine.deterministic=1", "'engine.deterministic' must be true or false or 'auto', got 1"),
        ("data.limit=0", "'data.limit' must be >= 1"),
        ("targets=[]", "'targets' must name at least one task"),
        ("targets=mnli", r"'targets' must be a list of texts such as \[a, b\], got 'mnli'\. The"),
        ("targets=[1]", r"'targets' must be a list of texts such as \[a, b\], got \[1\]\. The"),
        ("tasks=[3]", r"'tasks' must be a list of mappings, got \[3\]"),
        ("sources=[a, a]", "'sources' must name each entry once"),
        ("model.bases=[a, a]", "'model.bases' must name each model once"),
        ("name=../up", "'name' must be letters, digits"),
        ("model=roberta", "'model' must be a mapping"),
    ],
)
def test_bad_values_are_named(override: str, message: str) -> None:
    with pytest.raises(IntertrainError, match=message) as caught:
        load_config("quickstart", [override])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ModelConfig(pretrained=3), "'model.pretrained' must be text"),  # type: ignore[arg-type]
        (lambda: DataConfig(limit=-1), "'data.limit'"),
        (lambda: EngineConfig(row_length=8), "'engine.row_length' must be >= 16 or 'auto'"),
        (lambda: ExperimentConfig("x", ModelConfig("m"), (), ()), "'targets'"),
    ],
)
def test_values_are_checked_in_python_too(make: Any, message: str) -> None:
    with pytest.raises(IntertrainError, match=message):
        make()


def test_sources_may_have_a_protocol_of_their_own() -> None:
    raw = {"name": "n", "model": {"pretrained": "m"}, "sources": ["a"], "targets": ["b"]}
    config = load_config({**raw, "protocol": {"epochs": 3}, "source_protocol": {"train_size": 5}})
    assert config.protocol_of_sources == replace(config.protocol, train_size=5)
    assert load_config(config, ["source_protocol.weight_decay=1"]).protocol_of_sources == replace(
        config.protocol, train_size=5, weight_decay=1.0
    )
    assert load_config(raw).protocol_of_sources == Protocol()


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"train_siz": 5}, "unknown config key 'source_protocol.train_siz'. Did you mean"),
        ({"train_size": 0}, "config key 'source_protocol.train_size' must be >= 1, got 0"),
        ({"max_length": 9}, "'source_protocol.max_length' cannot be set, as all runs .* Set that"),
        ({"precision": "float32"}, "'source_protocol.precision' cannot be set"),
    ],
)
def test_what_is_wrong_with_the_protocol_of_sources(keys: dict[str, object], message: str) -> None:
    raw = {"name": "n", "model": {"pretrained": "m"}, "sources": ["a"], "targets": ["b"]}
    with pytest.raises(IntertrainError, match=message):
        load_config({**raw, "source_protocol": keys})
