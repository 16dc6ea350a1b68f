"""Costs of a plan, from published sizes alone."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from intertrain_jax.config.protocol import Protocol
from intertrain_jax.data.registry import TASKS
from intertrain_jax.data.tasks import expand
from intertrain_jax.planning.estimates import (
    TASK_SIZES,
    TaskSize,
    encoder_parameters,
    estimate,
    run_tokens,
)
from tests.models.tiny_models import CONFIGS, ModelFactory
from tests.runs import make_config, make_plan

SIZE = TaskSize(train=1000, validation=100, test=50, tokens=20.0)


def test_every_task_of_the_registry_has_a_size() -> None:
    assert {task.name for task in TASKS} == set(TASK_SIZES)


def test_the_papers_experiment_has_22_tasks() -> None:
    assert len(expand(["General", "NLI", "Twitter"])) == 22


def test_validation_is_carved_from_train() -> None:
    assert TASK_SIZES["rte"] == TaskSize(2241, 249, 277, 71)
    assert TASK_SIZES["qnli"].validation == 1000
    assert TASK_SIZES["mnli"].train == 392_702


def test_tokens_of_a_run() -> None:
    protocol = Protocol(epochs=2, validate_every=500)
    # 2 epochs × 1000 examples × 20 tokens; 4 validations of 100 examples and a test of 50.
    assert run_tokens(protocol, SIZE) == (40_000.0, (4 * 100 + 50) * 20.0)


@pytest.mark.parametrize(
    ("change", "trained"),
    [
        ({"train_size": 100}, 4_000.0),
        ({"train_size": 5000}, 40_000.0),
        ({"max_examples": 300}, 6_000.0),
        ({"epochs": None, "max_examples": 300}, 6_000.0),
        ({"max_length": 10}, 20_000.0),
    ],
)
def test_the_protocol_bounds_the_tokens(change: dict[str, int], trained: float) -> None:
    protocol = replace(Protocol(epochs=2), **change)  # type: ignore[arg-type]
    assert run_tokens(protocol, SIZE)[0] == trained


def test_estimate_adds_up_and_names_what_it_does_not_know() -> None:
    plan = make_plan(make_config(protocol=Protocol(epochs=1, validate_every=1000)))
    sizes = {"alpha": SIZE, "beta": SIZE}
    cost = estimate(plan, (), sizes, parameters=1000)
    runs = sum(run.target != "gamma" for run in plan.runs)
    assert cost.train_tokens == runs * 20_000
    assert cost.evaluation_tokens == runs * 150 * 20
    assert cost.flops == 1000 * (6 * cost.train_tokens + 2 * cost.evaluation_tokens)
    assert cost.unknown == ("gamma",)
    assert cost.gpu_hours == pytest.approx(cost.flops / (0.4 * 989e12) / 3600)
    unknown_model = estimate(plan, (), sizes, parameters=None)
    assert unknown_model.gpu_hours is None
    assert unknown_model.cpu_hours is None


def test_done_runs_cost_nothing_and_what_is_no_target_is_not_tested() -> None:
    plan = make_plan(make_config(sources=("alpha",), targets=("beta",), seeds=1))
    sizes = {"alpha": SIZE, "beta": replace(SIZE, test=70)}
    whole = estimate(plan, (), sizes, None)
    assert whole.evaluation_tokens == run_tokens(plan.runs[0].protocol, SIZE, False)[1] + sum(
        run_tokens(run.protocol, sizes["beta"])[1] for run in plan.runs if run.target == "beta"
    )
    rest = estimate(plan, {run.id for run in plan.runs if run.target == "beta"}, sizes, None)
    validations = rest.evaluation_tokens / (SIZE.validation * SIZE.tokens)
    assert validations == round(validations) > 0
    assert rest.train_tokens == run_tokens(plan.runs[0].protocol, SIZE)[0]


def test_limit_bounds_every_split() -> None:
    assert TASK_SIZES["rte"].limited(200) == TaskSize(200, 200, 200, 71)
    assert TASK_SIZES["rte"].limited(None) == TASK_SIZES["rte"]


def test_parameters_of_known_and_local_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_network(*args: object, **kwargs: object) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket, "socket", no_network)
    # The matrices of RoBERTa-base's layers: 12 × 768 × (4 × 768 + 2 × 3072).
    assert encoder_parameters("FacebookAI/roberta-base") == 84_934_656
    (tmp_path / "config.json").write_text("{}", "utf-8")
    assert encoder_parameters(str(tmp_path)) is None
    assert encoder_parameters("nobody/knows") is None


@pytest.mark.parametrize("kind", CONFIGS)
def test_every_family_says_how_large_its_layers_are(kind: str, tmp_path: Path) -> None:
    """The matrices that a token of the input passes, counted in a file."""
    factory = ModelFactory(tmp_path)
    tensors = factory.tensors(CONFIGS[kind])
    matrices = [
        tensor.size
        for name, tensor in tensors.items()
        if ("layer." in name or ".block." in name)
        and "decoder." not in name
        and tensor.ndim == 2
        and "relative_attention_bias" not in name
    ]
    assert encoder_parameters(str(factory.write(CONFIGS[kind]))) == sum(matrices)
