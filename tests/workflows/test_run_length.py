"""Runs that are shortened to hours: how much, when not, and that they stay as they are once begun."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from intertrain_jax.config.experiment import EXPERIMENT_FILE, ExperimentConfig
from intertrain_jax.config.files import to_yaml
from intertrain_jax.data.load import TaskData
from intertrain_jax.planning.estimates import encoder_parameters, run_tokens
from intertrain_jax.workflows import run_length
from intertrain_jax.workflows.inputs import measure
from intertrain_jax.workflows.own_grid import own_experiment
from intertrain_jax.workflows.run_length import RUNS, fitted

RATE = 1e9  # operations per second, of a slow machine
CPU = "2 cpu devices"


@pytest.fixture
def begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[ExperimentConfig, TaskData]:
    """The grid of a task, on a machine whose speed is known."""
    monkeypatch.setattr(run_length, "achieved_rate", lambda *arguments: RATE)
    config, data, _ = own_experiment("reviews", "quickstart", (), {"out": tmp_path / "out"})
    return config, data


def seconds(config: ExperimentConfig, data: TaskData) -> float:
    """Returns how long a run takes, by the machine's speed."""
    trained, evaluated = run_tokens(config.protocol, measure(data))
    parameters = encoder_parameters(config.model.pretrained)
    assert parameters is not None
    return parameters * (6.0 * trained + 2.0 * evaluated) / RATE


def test_as_many_runs_as_say_something_fit_into_the_hours(
    begun: tuple[ExperimentConfig, TaskData],
) -> None:
    whole = RUNS * seconds(*begun) / 3600.0
    config, said = fitted(*begun, (), 0.5 * whole, CPU)
    spent = RUNS * seconds(config, begun[1]) / 3600.0
    assert 0.35 * whole < spent < 0.5 * whole
    assert said is not None and f"runs have {config.protocol.epochs:g} epochs instead" in said
    before, after = begun[0].protocol, config.protocol
    # As many validations, as much patience, and whole batches between them.
    assert before.epochs is not None and after.epochs is not None
    assert after.validate_every % after.batch_size == 0
    assert after.epochs / after.validate_every == pytest.approx(
        before.epochs / before.validate_every, rel=0.35
    )
    assert after.patience // after.validate_every == before.patience // before.validate_every


def test_no_run_is_so_short_that_it_learns_nothing(
    begun: tuple[ExperimentConfig, TaskData],
) -> None:
    config, _ = fitted(*begun, (), 1e-6, CPU)
    protocol, rows = config.protocol, len(begun[1].splits["train"])
    assert protocol.epochs is not None
    assert protocol.epochs * rows == pytest.approx(30 * protocol.batch_size, rel=0.02)
    assert protocol.validate_every == protocol.batch_size * (
        protocol.validate_every // protocol.batch_size
    )


@pytest.mark.parametrize(
    ("overrides", "hours", "device"),
    [
        ((), None, CPU),
        ((), 1e6, CPU),
        ((), 1e-6, "1 gpu device"),
        (["protocol.epochs=2"], 1e-6, CPU),
        ({"protocol.train_size": 100}, 1e-6, CPU),
    ],
    ids=["no hours", "enough", "accelerator", "said by text", "said by key"],
)
def test_runs_stay_as_they_are(
    begun: tuple[ExperimentConfig, TaskData],
    overrides: list[str] | dict[str, int],
    hours: float | None,
    device: str,
) -> None:
    assert fitted(*begun, overrides, hours, device) == (begun[0], None)


@pytest.mark.parametrize("hours", [None, 1e-6, 1e6])
def test_what_was_begun_goes_on_at_its_length(
    begun: tuple[ExperimentConfig, TaskData], hours: float | None
) -> None:
    """However many hours are given later: its runs are compared with those that are done."""
    config, data = begun
    short = replace(config.protocol, epochs=0.5, validate_every=64, patience=256)
    config.out_dir.mkdir(parents=True)
    (config.out_dir / EXPERIMENT_FILE).write_text(to_yaml(replace(config, protocol=short)))
    assert fitted(config, data, (), hours, CPU) == (replace(config, protocol=short), None)
