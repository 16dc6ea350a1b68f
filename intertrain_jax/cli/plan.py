"""`plan`: what a grid will do, what it will cost, and why a run is pending."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from intertrain_jax.cli.options import ExperimentOptions, experiment_options

if TYPE_CHECKING:
    from intertrain_jax.config.experiment import ExperimentConfig
    from intertrain_jax.planning.estimates import Estimate
    from intertrain_jax.planning.plan import Plan


@click.command()
@experiment_options
@click.option(
    "--explain",
    metavar="RUN",
    help="Say why a run is pending: its id, BASE:TARGET or BASE:TARGET:SEED (BASE may be PT).",
)
def command(options: ExperimentOptions, explain: str | None) -> None:
    """Print the runs of an experiment and what they cost. Nothing is downloaded or written."""
    config = options.load(resume=True)
    if explain is None:
        print_plan(config)
        return
    from intertrain_jax.cli.inputs import plan_offline
    from intertrain_jax.planning.status import explain as explain_runs
    from intertrain_jax.records.runs import RecordStore

    records = RecordStore(config.out_dir).read_all()
    for line in explain_runs(plan_offline(config), records.by_id, explain):
        click.echo(line)


def print_plan(config: ExperimentConfig) -> None:
    """Prints counts, tokens and hours of an experiment."""
    from intertrain_jax.cli.inputs import offline_sizes, plan_offline
    from intertrain_jax.planning.estimates import encoder_parameters, estimate
    from intertrain_jax.planning.status import done_and_failed
    from intertrain_jax.records.runs import RecordStore

    plan = plan_offline(config)
    done, failed = done_and_failed(plan, RecordStore(config.out_dir).read_all().by_id)
    rest = [run for run in plan.runs if run.id not in done]
    cost = estimate(rest, offline_sizes(config), encoder_parameters(config.model.pretrained))
    lines = describe_runs(plan)
    if done or failed:
        lines.append(f"of these, {len(done):,} are done and {len(failed):,} failed; what is left:")
    click.echo("\n".join([*lines, *describe_cost(cost)]))


def describe_runs(plan: Plan) -> list[str]:
    """Returns how many runs there are of which kind."""
    kinds = [run.kind for run in plan.runs]
    roles = []
    targets = [run for run in plan.runs if run.kind == "pretrained" and run.target in plan.targets]
    both = sum(run.target in plan.bases for run in targets)
    baselines, sources = len(targets) - both, kinds.count("pretrained") - len(targets)
    if both == kinds.count("pretrained"):
        roles.append("each at once a baseline and a source")
    else:
        roles.append(f"{both:,} at once baselines and sources")
        roles += [f"{baselines:,} baselines only"] * bool(baselines)
        roles += [f"{sources:,} sources only"] * bool(sources)
    lines = [
        f"{plan.name}: {len(plan.runs):,} runs ({len(plan.bases) - 1} base models beside PT,"
        f" {len(plan.targets)} targets, {plan.seeds} seeds)",
        f"  {kinds.count('pretrained'):,} from PT, {', '.join(roles)}",
        f"  {kinds.count('source'):,} from sources",
    ]
    if "base" in kinds:
        lines.append(f"  {kinds.count('base'):,} from further base models")
    return lines


def describe_cost(cost: Estimate) -> list[str]:
    """Returns tokens and hours in words, and what they rest on."""
    from intertrain_jax.planning.estimates import CPU_FLOPS, PEAK_FLOPS, UTILISATION

    lines = [
        f"tokens: {_short(cost.train_tokens)} trained on,"
        f" {_short(cost.evaluation_tokens)} evaluated (at most: early stopping is not foreseen)"
    ]
    if cost.gpu_hours is None or cost.cpu_hours is None:
        lines.append("GPU hours: unknown, as the model's size is not known without loading it")
    else:
        lines.append(
            f"GPU hours: {_hours(cost.gpu_hours)} at {UTILISATION:.0%} of"
            f" {PEAK_FLOPS / 1e12:.0f} TFLOP/s (an H100's or H200's bfloat16 peak)"
        )
        lines.append(
            f"CPU hours: {_hours(cost.cpu_hours)} at {CPU_FLOPS / 1e12:g} TFLOP/s (two cores)"
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
