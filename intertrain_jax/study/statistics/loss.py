"""What trying only the top-ranked models loses: Tables 1 and 6."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from intertrain_jax.stats.ranks import Loss, loss_at, losses_at_average
from intertrain_jax.study.statistics.statistic import Context, Statistic
from intertrain_jax.study.table import Table

if TYPE_CHECKING:
    from intertrain_jax.study.result import Result

TOPS = (1, 3)
# What models are ranked by → the name and the title of its table.
_WAYS = {
    "probe": ("table1_loss_by_probe", "Lost gain, models ranked by linear probe (Table 1)"),
    "average": ("table6_loss_by_average", "Lost gain, models ranked by average gain (Table 6)"),
    "average of other targets": (
        "table6_loss_by_average_of_others",
        "Lost gain, models ranked by average gain on the other targets",
    ),
}


@dataclass(frozen=True)
class NamedLoss:
    """A loss and the ranking that it is of: "probe", "average" or "average of other targets"."""

    ranking: str
    loss: Loss


def _name(way: str, top: int) -> str:
    return f"loss_{top}_by_{way.replace(' ', '_')}"


def _compute(context: Context) -> tuple[NamedLoss, ...]:
    """Ranks by probe, by average gain, and by the average of the other targets."""
    gains, probe = context.gains, context.study.probe
    models = int(gains.notna().any(axis=1).sum())
    tops = [top for top in TOPS if models > top]
    ways: dict[str, tuple[str | None, Callable[[], tuple[Loss, ...]]]] = {
        "probe": (
            None if len(probe) else "There are no probe scores.",
            lambda: tuple(loss_at(gains, probe, top) for top in tops),
        ),
        "average": (None, lambda: losses_at_average(gains, tops, leave_target_out=False)),
        "average of other targets": (
            None if gains.shape[1] > 1 else "There is only one target.",
            lambda: losses_at_average(gains, tops, leave_target_out=True),
        ),
    }
    losses: list[NamedLoss] = []
    for way, (obstacle, compute) in ways.items():
        for top in set(TOPS) - set(tops):
            noun = "is only 1 base model" if models == 1 else f"are only {models} base models"
            few = f"There {noun} with a gain."
            context.reasons[_name(way, top)] = few
        if tops:
            found = context.attempt([_name(way, top) for top in tops], obstacle, compute)
            losses += [NamedLoss(way, loss) for loss in found or ()]
    return tuple(sorted(losses, key=lambda named: named.loss.top))


def _plain(losses: tuple[NamedLoss, ...]) -> dict[str, Any]:
    return {_name(named.ranking, named.loss.top): named.loss for named in losses}


def _tables(result: Result) -> list[Table]:
    tables = []
    note = "Points lost by trying only the n top-ranked models instead of all, over targets."
    for way, (name, title) in _WAYS.items():
        losses = [named.loss for named in LOSS.of(result) or () if named.ranking == way]
        rows = [
            {
                "top": loss.top,
                "average_loss": loss.average,
                "max_loss": loss.maximum,
                "targets_above_1": loss.above,
                "targets": loss.decided,
                "targets_undecided": loss.undecided,
                "models_ranked": loss.ranked,
            }
            for loss in losses
        ]
        tables.append(Table(name, title, note, pd.DataFrame(rows)))
        rows = [{"top": loss.top, **asdict(t)} for loss in losses for t in loss.targets]
        tables.append(Table(f"{name}_targets", f"{title}, by target", note, pd.DataFrame(rows)))
    return tables


LOSS: Statistic[tuple[NamedLoss, ...]] = Statistic(
    name="loss",
    definition=(
        "loss_n(t) = max_m G[m,t] - max over the n top-ranked models of G[m,t]: average, maximum and"
        " number of targets above one point."
    ),
    source="paper, section 4.2, Tables 1 and 6",
    compute=_compute,
    parts=tuple(_name(way, top) for way in _WAYS for top in TOPS),
    plain=_plain,
    tables=_tables,
)
