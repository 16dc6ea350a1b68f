"""Merges the grids of several labs into one, as if their records had been copied into one directory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from intertrain_jax.planning.plan import PRETRAINED, Plan, Run, sort_runs
from intertrain_jax.records.runs import Runs
from intertrain_jax.site.board import conflict
from intertrain_jax.workflows.results import GridResult


@dataclass(frozen=True)
class Merged:
    """Grids that make one ranking.

    Attributes:
        grid: their runs together.
        parts: the grids, each with its title.
        conflicts: a sentence per run that two of them have with different scores: it is in no average.
    """

    grid: GridResult
    parts: tuple[tuple[str, GridResult], ...]
    conflicts: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The titles of its parts."""
        return " + ".join(title for title, _ in self.parts)


def merge(grids: Sequence[tuple[str, GridResult]]) -> tuple[list[Merged], list[str]]:
    """Returns rankings, each of the grids that can be merged, and why others of one model cannot.

    Grids are merged that start from the same pretrained model and have the same targets, where every
    run that both plan is the same run. Where their scores of the pretrained model differ, gains
    are over different scores: such grids stay apart.

    Args:
        grids: in order, each with its title.

    Returns:
        the rankings, in the order of their first grids; and sentences.
    """
    rankings: list[Merged] = []
    notes: list[str] = []
    for title, grid in grids:
        reasons = []
        for k, known in enumerate(rankings):
            if _pretrained(known.grid.plan) != _pretrained(grid.plan):
                continue
            reason = _apart(known, title, grid)
            if reason is None:
                rankings[k] = _together(known, title, grid)
                break
            if reason:
                reasons.append(f"{known.title} and {title} are rankings of their own: {reason}.")
        else:
            notes += reasons
            rankings.append(Merged(grid, ((title, grid),)))
    return rankings, notes


def _pretrained(plan: Plan) -> str:
    """Returns what tells the pretrained model of a plan."""
    return next((str(r.base.identity) for r in plan.runs if r.base.label == PRETRAINED), "")


def _apart(known: Merged, title: str, grid: GridResult) -> str | None:
    """Returns why a grid is not merged with others; None where it can be, "" where nobody expects it."""
    one, two = known.grid.plan, grid.plan
    if set(one.targets) != set(two.targets):
        return ""
    runs = {_cell(run): run for run in one.runs}
    for run in two.runs:
        twin = runs.get(_cell(run), run)
        if twin.id != run.id:
            what = "model" if twin.base.identity != run.base.identity else "protocol, or its data,"
            return f"the {what} of {run.base.label} on {run.target} is not the same"
    first, second = known.grid.stored.by_key, grid.stored.by_key
    for run in two.runs:
        both = run.base.label == PRETRAINED and run.id in first and run.id in second
        if both and conflict(first[run.id], known.title, second[run.id], title):
            return f"{PRETRAINED} scores otherwise on {run.target}, so gains are over other scores"
    return None


def _cell(run: Run) -> tuple[str, str, int]:
    return run.base.label, run.target, run.seed


def _together(known: Merged, title: str, grid: GridResult) -> Merged:
    """Returns grids with one more."""
    one, two = known.grid, grid
    runs = sort_runs({run.id: run for run in (*two.plan.runs, *one.plan.runs)}.values())
    plan = Plan(
        one.plan.name,
        runs,
        _labels((*one.plan.bases, *two.plan.bases), runs),
        one.plan.targets,
        max(one.plan.seeds, two.plan.seeds),
    )
    records, conflicts = dict(one.stored.by_key), list(known.conflicts)
    for key, record in sorted(two.stored.by_key.items()):
        before = records.setdefault(key, record)
        if before.reason is not None and before.reason in known.conflicts:
            continue
        said = conflict(before, known.title, record, title)
        if said is not None:
            said += ": it counts as failed, and nothing is averaged."
            conflicts.append(said)
            records[key] = replace(before, status="failed", reason=said, result=None)
        elif before.score is None and record.status == "done":
            records[key] = record
    stored = Runs(records, (*one.stored.problems, *two.stored.problems))
    merged = GridResult(one.config, plan, stored, one.out)
    return Merged(merged, (*known.parts, (title, grid)), tuple(conflicts))


def _labels(bases: Iterable[str], runs: Sequence[Run]) -> tuple[str, ...]:
    """Returns the rows of a matrix: where two labs call one model otherwise, what the first calls it."""
    used = {run.base.label for run in runs}
    return tuple(base for base in dict.fromkeys(bases) if base in used)
