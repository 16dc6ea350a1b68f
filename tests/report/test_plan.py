"""A plan in words, from counts and costs."""

from __future__ import annotations

import pytest

from intertrain_jax.base import counted
from intertrain_jax.config.experiment import ModelConfig
from intertrain_jax.planning.estimates import CPU_FLOPS, PEAK_FLOPS, UTILISATION, Estimate
from intertrain_jax.planning.plan import Plan
from intertrain_jax.report.plan import describe_cost, describe_runs, plan_lines
from tests.runs import make_config, make_plan


def plan(sources: str, targets: str, seeds: int = 2, bases: tuple[str, ...] = ()) -> Plan:
    return make_plan(
        make_config(
            model=ModelConfig("model", bases=bases),
            sources=tuple(sources),
            targets=tuple(targets),
            seeds=seeds,
        )
    )


@pytest.mark.parametrize(
    ("sources", "targets", "roles"),
    [
        ("abc", "abc", "6 from PT, each at once a baseline and a source"),
        (
            "ab",
            "bc",
            "6 from PT, 2 at once baselines and sources, 2 baselines only, 2 sources only",
        ),
        ("a", "abc", "6 from PT, 2 at once baselines and sources, 4 baselines only"),
        ("abc", "a", "6 from PT, 2 at once baselines and sources, 4 sources only"),
        ("ab", "c", "6 from PT, 0 at once baselines and sources, 2 baselines only, 4 sources only"),
    ],
)
def test_runs_from_the_pretrained_model_have_roles(sources: str, targets: str, roles: str) -> None:
    lines = describe_runs(plan(sources, targets))
    assert lines[1] == f"  {roles}"
    per_source = len(sources) * len(targets) * 2
    assert lines[2:] == [f"  {per_source:,} from sources"]
    assert lines[0] == (
        f"tiny: {6 + per_source:,} runs ({counted(len(sources), 'base model')} beside PT,"
        f" {counted(len(targets), 'target')}, 2 seeds)"
    )


def test_further_base_models_have_a_line() -> None:
    lines = describe_runs(plan("ab", "ab", bases=("org/one", "org/two")))
    assert lines[0].startswith("tiny: 20 runs (4 base models beside PT,")
    assert lines[-1] == "  8 from further base models"


def test_what_is_done_is_said_before_the_cost() -> None:
    some, cost = plan("ab", "ab"), Estimate(1e6, 1e6, None)
    whole = plan_lines(some, cost, 0, 0)
    assert whole == [*describe_runs(some), *describe_cost(cost)]
    left = plan_lines(some, cost, 1200, 1)
    assert [line for line in left if line not in whole] == [
        "of these, 1,200 are done and 1 failed; what is left:"
    ]
    assert left.index("of these, 1,200 are done and 1 failed; what is left:") == 3
    assert "of these, 0 are done and 2 failed; what is left:" in plan_lines(some, cost, 0, 2)


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        (0, "0"),
        (999_999.4, "999,999"),
        (1e6, "1 million"),
        (83.94e9, "83.9 billion"),
        (2.5e12, "2.5 trillion"),
    ],
)
def test_tokens_in_words(tokens: float, said: str) -> None:
    (first, _) = describe_cost(Estimate(tokens, 5e6, None))
    assert first == (
        f"tokens: {said} trained on, 5 million evaluated (at most: early stopping is not foreseen)"
    )


@pytest.mark.parametrize(
    ("hours", "said"),
    [
        (0.0, "under 0.01"),
        (0.0099, "under 0.01"),
        (0.034, "0.034"),
        (3.44, "3.4"),
        (34.2, "34"),
        (1234.4, "1,234"),
    ],
)
def test_hours_of_both_kinds_of_device(hours: float, said: str) -> None:
    gpu = describe_cost(Estimate(1.0, 1.0, hours * 3600 * UTILISATION * PEAK_FLOPS))[1]
    assert gpu == (f"GPU hours: {said} at 40 % of 989 TFLOP/s (an H100's or H200's bfloat16 peak)")
    cpu = describe_cost(Estimate(1.0, 1.0, hours * 3600 * CPU_FLOPS))[2]
    assert cpu == f"CPU hours: {said} at 0.15 TFLOP/s (two cores)"


def test_what_is_not_known_is_said() -> None:
    lines = describe_cost(Estimate(1.0, 1.0, None, ("mine", "yours")))
    assert lines[1] == ("GPU hours: unknown, as the model's size is not known without loading it")
    assert lines[2:] == ["not counted, as their size is not known: mine, yours"]


def test_sources_of_another_protocol_are_no_baselines() -> None:
    config = make_config(source_protocol={"train_size": 5}, seeds=1)
    lines = describe_runs(make_plan(config))
    assert (
        lines[1] == "  6 from PT, 0 at once baselines and sources, 3 baselines only, 3 sources only"
    )
