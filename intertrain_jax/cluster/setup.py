"""What workers are told of a grid before they get runs, and what the driver learns of it from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from intertrain_jax.cluster.mail import Hello, Setup
from intertrain_jax.engine.tasks import effort_key
from intertrain_jax.planning.plan import Run
from intertrain_jax.planning.queue import Effort
from intertrain_jax.planning.work import GridWork, ref_of

# What decides a run's effort, and what else makes it a kind of its own.
Kind = tuple[tuple[Any, ...], tuple[bool, bool]]


def kinds_of(work: GridWork) -> dict[Kind, Run]:
    """Returns a run of every kind that a worker should know of, the plan's first one first."""
    found: dict[Kind, Run] = {}
    for run in work.plan.runs:
        own = run.kind == "pretrained", run.protocol.l2_to_base > 0
        found.setdefault((effort_key(work.key_of(run), run), own), run)
    return found


def setup_of(work: GridWork, kinds: Mapping[Kind, Run], workers: int) -> Setup:
    """Returns what all runs of a grid have in common.

    Blocks get their shapes from all tasks, so that a run is the same at every worker as in one process.

    Args:
        work: the grid.
        kinds: of its runs.
        workers: that share them.
    """
    options, rules = work.options, work.plan.runs[0].protocol
    pretrained: Any = work.bases.pretrained
    bases: dict[Any, Any] = {pretrained.ref: pretrained}
    for run in kinds.values():
        model: Any = work.bases.look(ref_of(run))
        bases.setdefault(model.ref, model)
    shared = work.out.absolute() / "checkpoints" if options.weights == "shared" else None
    return Setup(
        plan=replace(work.plan, runs=tuple(kinds.values())),
        bases=tuple(bases.values()),
        tasks=dict(work.tasks),
        options=replace(options, devices=1),
        texts=rules.text is None or rules.in_words,
        runs=max(-(-(len(work.plan.runs) - len(work.done)) // workers), 1),
        shared=None if shared is None else str(shared),
    )


def efforts_of(work: GridWork, kinds: Mapping[Kind, Run], hello: Hello) -> Callable[[Run], Effort]:
    """Returns what runs take, by what a worker says of one of each kind: its device decides shapes."""
    known = {key: hello.efforts[run.id] for (key, _), run in kinds.items()}
    return lambda run: known[effort_key(work.key_of(run), run)]
