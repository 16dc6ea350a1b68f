"""Does what limits, or causes, forgetting of the pretrained model change a base model's gain?"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from intertrain_jax.base import IntertrainError, counted
from intertrain_jax.claims import drawing
from intertrain_jax.claims.claim import Claim, Finding, Number, beyond, little, plain, said
from intertrain_jax.claims.evidence import FINETUNE, LP_THEN_FT, Evidence, several, wide
from intertrain_jax.claims.source_size import BAD
from intertrain_jax.stats.crossed import Mean, crossed_mean, simple_mean

_CELL = ["base", "source_size", "source_seed", "target", "target_size", "seed"]
_VARIED = ("method", "weight_decay", "l2_to_base")


@dataclass(frozen=True)
class Contrast:
    """Two ways of training that differ in one thing.

    Attributes:
        column: what differs.
        before, after: its two values.
        pairs: a row per pair of runs that are alike in all else: base, group, target, model, difference
            (of gains, in points).
    """

    column: str
    before: object
    after: object
    pairs: pd.DataFrame


def contrast(records: Evidence, column: str) -> Contrast:
    """Returns pairs of runs at the least and the most of a setting.

    Raises:
        IntertrainError: there are no two values of it.
    """
    rows = records.gains
    if column == "method":
        values = [FINETUNE, LP_THEN_FT]
        rows = rows[rows["method"].isin(values)]
    else:
        rows = rows[rows["method"] == FINETUNE]
        values = sorted(several(rows, ["base"], column)[column].unique())
    rows = several(rows, ["base"], column)
    if not len(rows):
        raise IntertrainError(f"no base models of one part differ in {column}")
    before, after = values[0], values[-1]
    keys = ["part", *_CELL, *(c for c in _VARIED if c != column)]
    first, second = (rows[rows[column] == value] for value in (before, after))
    pairs = first.merge(second[[*keys, "gain"]], on=keys, suffixes=("_before", ""))
    if not len(pairs):
        raise IntertrainError(f"no two runs of one part differ in {column} alone")
    seed = pairs["source_seed"].where(pairs["source_seed"] >= 0, pairs["seed"])
    pairs = pairs.assign(
        difference=pairs["gain"] - pairs["gain_before"],
        model=pairs["base"] + " " + seed.astype(str),
    )
    return Contrast(column, before, after, pairs)


def _mean(pairs: pd.DataFrame) -> Mean:
    return crossed_mean(wide(pairs, "model", "target", "difference"))


def _finding(pairs: pd.DataFrame, mean: Mean, what: str, verdict: str, label: str) -> Finding:
    rows = [{"name": "all", "value": mean.mean, "low": mean.low, "high": mean.high, "group": "all"}]
    numbers: dict[str, Number] = {
        "models": mean.units[0],
        "targets": mean.units[1],
        **plain(mean, "difference"),
    }
    for base, own in pairs.groupby("base", sort=True):
        each = simple_mean(own.groupby("target")["difference"].mean())
        numbers[f"difference of {base}"] = each.mean
        rows.append({"name": str(base), "value": each.mean, "low": each.low, "high": each.high})
        rows[-1]["group"] = "each, over targets"
    return Finding(
        f"{what} changes the gain by {said(mean)} (95 %, over {counted(mean.units[0], 'source model')}"
        f" of {counted(pairs['base'].nunique(), 'source')} and {counted(mean.units[1], 'target')}; n ="
        f" {counted(len(pairs), 'pair')} of runs).",
        verdict,
        numbers,
        drawing.Rows(pd.DataFrame(rows), f"{label}: change of the gain in points, 95 %"),
    )


def _weight_decay(records: Evidence) -> Finding:
    found = contrast(records, "weight_decay")
    mean = _mean(found.pairs)
    # Of the architectures here, T5 alone was pretrained without decay.
    hurts = all("t5" in name.casefold() for name in records.architectures)
    verdict = beyond(mean.low, mean.high, "below") if hurts else little(mean.low, mean.high)
    what = f"Weight decay of {found.after:g} instead of {found.before:g}"
    return _finding(found.pairs, mean, what, verdict, what.lower())


def _penalty(records: Evidence) -> Finding:
    found = contrast(records, "l2_to_base")
    # Labels alone say which are bad: what another part found bad was unlucky, and may be these models.
    bad = found.pairs[found.pairs["group"] == BAD]
    pairs, of = (bad, "of bad sources ") if len(bad) else (found.pairs, "")
    mean = _mean(pairs)
    what = f"Holding the parameters {of}to the pretrained ones (λ = {found.after:g})"
    verdict = beyond(mean.low, mean.high, "above")
    return _finding(pairs, mean, what, verdict, f"penalty of λ = {found.after:g}")


def _probe_first(records: Evidence) -> Finding:
    found = contrast(records, "method")
    mean = _mean(found.pairs)
    what = "Training the head first"
    return _finding(found.pairs, mean, what, little(mean.low, mean.high), what.lower())


WEIGHT_DECAY = Claim(
    name="weight-decay",
    title="Weight decay hurts source models only where pretraining had none",
    paper=(
        "With weight decay the average gain of MNLI models was 0.02 points higher for RoBERTa, whose"
        " pretraining had decay, and 3.3 lower for T5, whose had none (App. I.1)."
    ),
    judge=_weight_decay,
)
PENALTY = Claim(
    name="penalty-prevents-loss",
    title="Holding a source model to the pretrained one prevents some of the loss",
    paper=(
        "A penalty on the distance from the pretrained model changed little for MNLI (−0.28 points) and"
        " prevented loss in models that hurt, such as QQP (4.3) (App. I.1)."
    ),
    judge=_penalty,
)
PROBE_FIRST = Claim(
    name="probe-first",
    title="Training the head first changes little",
    paper="Probing first, then finetuning (Kumar et al. 2022), had little effect (App. I.1).",
    judge=_probe_first,
)
