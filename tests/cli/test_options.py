"""Common options become configuration."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from intertrain_jax.base import IntertrainError
from intertrain_jax.cli.options import ExperimentOptions, experiment_options
from intertrain_jax.config.experiment import ExperimentConfig, load_config
from intertrain_jax.config.files import to_yaml


def parse(*arguments: str) -> ExperimentConfig:
    """Returns the configuration that arguments give."""
    caught: list[ExperimentConfig] = []

    @click.command()
    @experiment_options
    def command(options: ExperimentOptions) -> None:
        caught.append(options.load())

    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return caught[0]


def test_nothing_given_is_the_quickstart() -> None:
    assert parse() == load_config("quickstart")


def test_every_option_has_its_key() -> None:
    config = parse(
        *("--config", "real-small", "--seeds", "7", "--out", "a b: c", "--data-dir", "/d e"),
        *("--limit", "9", "--lanes", "2", "--set", "protocol.epochs=1", "--set", "name=other"),
    )
    assert (config.name, config.seeds, config.out, config.data.data_dir) == (
        "other",
        7,
        "a b: c",
        "/d e",
    )
    assert (config.data.limit, config.engine.lanes, config.protocol.epochs) == (9, 2, 1.0)
    assert parse("--lanes", "auto").engine.lanes == "auto"


def test_an_option_wins_over_set() -> None:
    assert parse("--set", "seeds=2", "--seeds", "3").seeds == 3


def test_lists_of_base_models_are_over_the_experiments_pretrained_model(tmp_path: Path) -> None:
    ranked, further = tmp_path / "top.txt", tmp_path / "more.txt"
    ranked.write_text("# the best\npretrained: org/base\norg/a@v1\norg/b\n")
    further.write_text("org/c\n")
    lists = ("--bases", str(ranked), "--bases", str(further))
    config = parse(*lists, "--set", "model.pretrained=https://huggingface.co/org/base")
    assert config.model.bases == ("org/a@v1", "org/b", "org/c")
    with pytest.raises(IntertrainError, match=r"top.txt' must be over .*, but names 'org/base'"):
        parse(*lists)


@pytest.mark.parametrize(("lanes", "got"), [("-1", "-1"), ("0", "0"), ("many", "'many'")])
def test_bad_lanes_are_named(lanes: str, got: str) -> None:
    with pytest.raises(IntertrainError, match=f"'engine.lanes' must be .* got {got}"):
        parse("--lanes", lanes)


def test_a_results_directory_names_its_experiment(tmp_path: Path) -> None:
    stored = load_config("real-small", ["seeds=2"])
    (tmp_path / "experiment.yaml").write_text(to_yaml(stored), "utf-8")
    out = {"out": str(tmp_path)}
    resumed = ExperimentOptions(None, (), out).load(resume=True)
    assert (resumed.name, resumed.seeds) == ("real-small", 2)
    started = ExperimentOptions(None, (), out).load()
    assert started.name == "quickstart"
    named = ExperimentOptions("quickstart", (), out).load(resume=True)
    assert named.name == "quickstart"
