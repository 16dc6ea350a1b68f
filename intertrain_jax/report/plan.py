"""A plan in words: how many runs of which kind, and what they cost."""

from __future__ import annotations

from intertrain_jax.base import counted
from intertrain_jax.planning.estimates import PEAK_FLOPS, UTILISATION, Estimate
from intertrain_jax.planning.plan import Plan
from intertrain_jax.report.numbers import share


def plan_lines(plan: Plan, cost: Estimate, done: int, failed: int) -> list[str]:
    """Returns counts, tokens and hours.

    Args:
        plan: all runs.
        cost: of those that are not done.
        done, failed: runs that have a record.
    """
    lines = describe_runs(plan)
    if done or failed:
        lines.append(f"of these, {done:,} are done and {failed:,} failed; what is left:")
    return [*lines, *describe_cost(cost)]


def plan_line(plan: Plan, cost: Estimate) -> str:
    """Returns the runs of a grid that is one of many, and what they would cost alone, in one line."""
    hours = "unknown" if cost.gpu_hours is None else _hours(cost.gpu_hours)
    return (
        f"{plan.name}: {_runs(plan)};"
        f" {_short(cost.train_tokens + cost.evaluation_tokens)} tokens, GPU hours {hours}"
    )


def _runs(plan: Plan) -> str:
    return (
        f"{counted(len(plan.runs), 'run')} ({counted(len(plan.bases) - 1, 'base model')} beside PT,"
        f" {counted(len(plan.targets), 'target')}, {counted(plan.seeds, 'seed')})"
    )


def describe_runs(plan: Plan) -> list[str]:
    """Returns how many runs there are of which kind."""
    kinds = [run.kind for run in plan.runs]
    roles = []
    targets = [run for run in plan.runs if run.kind == "pretrained" and plan.in_matrix(run)]
    both = sum(bool(plan.dependants(run.id)) for run in targets)
    baselines, sources = len(targets) - both, kinds.count("pretrained") - len(targets)
    if both == kinds.count("pretrained"):
        roles.append("each at once a baseline and a source")
    else:
        roles.append(f"{both:,} at once baselines and sources")
        roles += [f"{baselines:,} baselines only"] * bool(baselines)
        roles += [f"{sources:,} sources only"] * bool(sources)
    lines = [
        f"{plan.name}: {_runs(plan)}",
        f"  {kinds.count('pretrained'):,} from PT, {', '.join(roles)}",
        f"  {kinds.count('source'):,} from sources",
    ]
    if "base" in kinds:
        lines.append(f"  {kinds.count('base'):,} from further base models")
    return lines


def describe_cost(cost: Estimate) -> list[str]:
    """Returns tokens and hours in words, and what they rest on."""
    lines = [
        f"tokens: {_short(cost.train_tokens)} trained on,"
        f" {_short(cost.evaluation_tokens)} evaluated (at most: early stopping is not foreseen)"
    ]
    if cost.gpu_hours is None or cost.cpu_hours is None:
        lines.append("GPU hours: unknown, as the model's size is not known without loading it")
    else:
        lines.append(
            f"GPU hours: {_hours(cost.gpu_hours)} at {share(UTILISATION)} of"
            f" {PEAK_FLOPS / 1e12:.0f} TFLOP/s (an H100's or H200's bfloat16 peak)"
        )
        lines.append(
            f"CPU hours: {_hours(cost.cpu_hours)} at {cost.cpu_rate / 1e12:.2g} TFLOP/s"
            f" ({'as the last grid here took' if cost.achieved else 'two cores'})"
        )
    if cost.unknown:
        lines.append(f"not counted, as their size is not known: {', '.join(cost.unknown)}")
    return lines


def _short(number: float) -> str:
    for size, name in ((1e12, "trillion"), (1e9, "billion"), (1e6, "million")):
        if number >= size:
            return f"{number / size:.3g} {name}"
    return f"{number:,.0f}"


def _hours(hours: float) -> str:
    if hours < 0.01:
        return "under 0.01"
    return f"{hours:,.0f}" if hours >= 10 else f"{hours:.2g}"
