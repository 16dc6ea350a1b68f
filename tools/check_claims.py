"""Judges planted records and counts how often each claim's rule says the right thing.

    python tools/check_claims.py --simulations 200 --out results/benchmarks/claims.csv

Every rule is run on records without the effect and with it, in worlds that differ in what is random (see
`planted_claims.WORLDS`). A row of the table is a claim, a world and what was planted: "none" is the edge
of where the claim would be true; "effect" is as the paper has it; "contrary" is its opposite. In rows
of "none", `wrong` is the share of "shows" and `wrong_contrary` that of "shows the contrary". It may be
5 % at most; with so many simulations, shares up to `allowed` are no evidence of more (99.9 % of
binomial draws at 5 % are below). In the others `power` is the share of what was planted, and `wrong`
that of its opposite. The exit code is 1 if a share is above what is allowed. 200 simulations take a
quarter of an hour on one core; a claim's rows do not depend on which others are asked for.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch
from zlib import crc32

import numpy as np
import pandas as pd
from planted_claims import NASTY, WORLDS, World, designs, planted
from scipy import stats

from intertrain_jax.claims import additive as additive_rule
from intertrain_jax.claims.claim import CONTRARY, SHOWS
from intertrain_jax.claims.evidence import evidence
from intertrain_jax.claims.table import CLAIMS, verdict

NONE, EFFECT, OPPOSITE = "none", "effect", "contrary"
LEVEL, CHANCE = 0.05, 0.999
Records = tuple[pd.DataFrame, pd.DataFrame | None]
Plant = Callable[[np.random.Generator, World, float], Records]


@dataclass(frozen=True)
class Check:
    """How records of a claim are planted.

    Attributes:
        plant: returns runs and rankings for an effect of some size.
        sizes: what is planted → size of the effect.
        change: of each world, before it is used.
    """

    plant: Plant
    sizes: dict[str, float]
    change: dict[str, float] | None = None


@cache
def models(count: int, kind: str = "source", alike: int = 0) -> pd.DataFrame:
    """Returns the design of so many base models; of series of like ones where these have a length."""
    base = names(count)
    if alike:
        base = [f"series{i // alike}-seed{i % alike}" for i in range(count)]
    return designs(base, kind=kind)


@cache
def sized(
    column: str, sizes: tuple[int, ...], count: int, groups: tuple[str, ...] = ()
) -> pd.DataFrame:
    """Returns the design of base models at several sizes."""
    parts = [designs(names(count), group=list(groups) or None, **{column: s}) for s in sizes]
    return pd.concat(parts, ignore_index=True)


def names(count: int) -> list[str]:
    """Returns names of base models."""
    return [f"m{i:02}" for i in range(count)]


def column(values: np.ndarray | list[float]) -> np.ndarray:
    """Returns one planted gain per base model."""
    return np.asarray(values, dtype=float)[:, None]


def ranking(base: list[str], scores: np.ndarray, estimator: str = "lp") -> pd.DataFrame:
    """Returns scores of an estimator on MNLI."""
    return pd.DataFrame(
        {
            "architecture": "roberta",
            "base": base,
            "estimator": estimator,
            "task": "mnli",
            "score": scores,
        }
    )


def good_models(rng: np.random.Generator, world: World, size: float) -> Records:
    """Two of twelve models gain so much, the others lose as much; none: all are at zero."""
    gains = -np.abs(size) * np.ones(12) if size else np.zeros(12)
    gains[:2] = size
    return planted(rng, world, models(12), column(gains)), None


def most_hurt(rng: np.random.Generator, world: World, size: float) -> Records:
    """Ten of twelve lose so much; none: half of them lose two points and half gain as much."""
    gains = np.r_[2.0 * np.ones(6), -2.0 * np.ones(6)]
    if size:
        gains = np.r_[np.ones(2), -np.ones(10)] * size
    return planted(rng, world, models(12), column(gains)), None


def probe(rng: np.random.Generator, world: World, size: float) -> Records:
    """Sixteen models whose probe follows their gains by a correlation of so much."""
    z = rng.normal(size=(2, 16))
    other = z[0].copy()
    if world.alike > 1:
        # Models of a series have like probes and like gains, which agree with each other by chance.
        series = np.arange(16) // world.alike
        z = 0.6 * z + 0.8 * rng.normal(size=(2, series[-1] + 1))[:, series]
        other = z[0]
    score = size * other + np.sqrt(1.0 - size**2) * z[1]
    table = models(16, "base", world.alike)
    runs = planted(rng, world, table, column(2.0 * z[0] - 1.0))
    return runs, ranking(list(table["base"]), 60.0 + 5.0 * score)


def sensitive(rng: np.random.Generator, world: World, size: float) -> Records:
    """Eight models gain on targets by how sensitive these are, and the first by so much of that."""
    apart = 3.0 * np.exp(rng.normal(size=world.targets))
    gains = np.outer(np.r_[size, np.full(7, 0.8)], apart)
    return planted(rng, replace(world, alike=1), MNLI_FIRST, gains), None


def additive(no: str) -> Plant:
    """Base models and targets differ by two points; none: one of both does not differ."""

    def plant(rng: np.random.Generator, world: World, size: float) -> Records:
        rows = 2.0 * rng.normal(size=(12, 1)) * (no != "base" or size > 0)
        columns = 2.0 * rng.normal(size=world.targets) * (no != "target" or size > 0)
        gains = rows + columns
        if size < 0:
            gains = 0.3 * gains + 3.0 * rng.normal(size=gains.shape)
        return planted(rng, world, models(12), gains), None

    return plant


MNLI = designs(["mnli"])
MNLI_FIRST = designs(["mnli", *names(7)])
BASINS = designs(names(16), kind="base", group=["good"] * 8 + ["bad"] * 8, source_size=pd.NA)
SIZES = (50, 100, 200, 400, 800, 1600, 3200)


def source_size(group: str) -> Plant:
    """Two good and two bad sources; those of a group change by so much for each doubling."""

    def plant(rng: np.random.Generator, world: World, size: float) -> Records:
        base = names(4)
        parts = [designs(base, source_size=s, group=["good", "good", "bad", "bad"]) for s in SIZES]
        table = pd.concat(parts, ignore_index=True)
        doublings = np.log2(table["source_size"].to_numpy(dtype=float) / 50.0)
        of_target = size + 0.3 * rng.normal(size=world.targets)
        sign = np.where(table["group"] == group, 1.0, 0.0)
        level = np.where(table["group"] == "good", 2.0, -2.0)
        return planted(
            rng, world, table, level[:, None] + np.outer(doublings * sign, of_target)
        ), None

    return plant


def target_sizes(size: float, bend: float) -> Plant:
    """Six models on targets of six sizes: a slope for each doubling, and a bend of three targets."""

    def plant(rng: np.random.Generator, world: World, times: float) -> Records:
        table = sized("target_size", SIZES[:-1], 6)
        x = np.log2(table["target_size"].to_numpy(dtype=float) / 50.0) - 2.5
        slopes = size * times + 0.3 * rng.normal(size=world.targets)
        if bend:
            slopes = slopes - 0.5
        gains = np.outer(x, slopes)
        gains[:, :3] += bend * times * (np.square(x) - np.square(x).mean())[:, None]
        gains += column(np.tile(rng.normal(size=6), 6))
        # Few examples make noisy runs.
        return planted(rng, world, table, gains, 1.5 * 2.0 ** (-0.3 * (x + 2.5))), None

    return plant


def seeds(rng: np.random.Generator, world: World, size: float) -> Records:
    """Source models of MNLI that differ by so much between seeds."""
    world = replace(world, source_luck=size, seeds=max(world.seeds, 12))
    return planted(rng, world, MNLI, np.zeros((1, 1))), None


def source_score(rng: np.random.Generator, world: World, size: float) -> Records:
    """Twenty MNLI models whose score on MNLI follows their gains by a correlation of so much."""
    world = replace(world, source_luck=0.0, seeds=20)
    runs = planted(rng, world, MNLI, np.zeros((1, 1)))
    luck = rng.normal(size=20)
    own = size * luck + np.sqrt(1.0 - size**2) * rng.normal(size=20)
    runs["score"] += np.where(runs["base"] == "mnli", 2.0 * luck[runs["seed"]], 0.0)
    scores = pd.DataFrame({"seed": np.arange(20), "score": 87.0 + 0.25 * own})
    plain = runs[runs["base"] == "PT"].drop_duplicates("seed").drop(columns="score")
    return pd.concat([runs, plain.merge(scores, on="seed").assign(target="mnli")]), None


def basins(rng: np.random.Generator, world: World, size: float) -> Records:
    """Eight good and eight bad models; models differ by a point, and targets in the difference."""
    good = column([1.0] * 8 + [0.0] * 8)
    apart = size + 0.5 * rng.normal(size=world.targets)
    gains = good * apart + rng.normal(size=(16, 1))
    return planted(rng, replace(world, alike=1), BASINS, gains), None


def contrast(setting: str, values: tuple[object, object], architecture: str = "roberta") -> Plant:
    """Three sources trained in two ways that differ by so much, more on some targets than on others."""
    own = {"architecture": architecture, "group": "bad"}
    parts = [designs(names(3), **own, **{setting: value}) for value in values]
    table = pd.concat(parts, ignore_index=True)

    def plant(rng: np.random.Generator, world: World, size: float) -> Records:
        apart = size + 0.4 * rng.normal(size=world.targets)
        gains = np.r_[np.zeros((3, world.targets)), np.tile(apart, (3, 1))]
        return planted(rng, world, table, gains), None

    return plant


def architectures(of: str) -> Plant:
    """Three architectures, of which all pairs correlate by so much, in sources or in targets."""

    def plant(rng: np.random.Generator, world: World, size: float) -> Records:
        parts = []
        m, n = 14, max(world.targets, 12)
        world = replace(world, targets=n, target_effect=0.0, alike=1)
        common = rng.normal(size=m if of == "source" else n)
        for name in ("bert", "roberta", "t5"):
            own = np.sqrt(abs(size)) * common + np.sqrt(1 - abs(size)) * rng.normal(
                size=len(common)
            )
            if of == "source":
                gains = column(2.0 * own) + 2.0 * rng.normal(size=n)
            else:
                gains = column(np.abs(rng.normal(size=m))) * np.exp(own)
            runs = planted(rng, world, models(m), gains)
            parts.append(runs.assign(architecture=name))
        return pd.concat(parts, ignore_index=True), None

    return plant


def estimators(rng: np.random.Generator, world: World, size: float) -> Records:
    """Sixteen models; four estimators, of which the probe errs less by so much."""
    z = rng.normal(size=16)
    runs = planted(rng, replace(world, alike=1), models(16, "base"), column(2.0 * z))
    shared = rng.normal(size=16)
    scores = []
    for name in ("lp", "logme", "hscore", "knn"):
        errs = 1.0 * np.exp(-size if name == "lp" else 0.0)
        own = z + errs * (0.5 * shared + 0.8 * rng.normal(size=16))
        scores.append(ranking(names(16), own, name))
    return runs, pd.concat(scores, ignore_index=True)


# Stands for the bilinear fit, which costs most of the time and says nothing to the verdict.
NO_FIT = SimpleNamespace(mse=0.0, shuffled_mean=0.0, shuffled_std=0.0, held_out_mse=0.0)

CHECKS: dict[str, tuple[Check, ...]] = {
    "good-models-exist": (Check(good_models, {NONE: 0.0, EFFECT: 2.0, OPPOSITE: -2.0}),),
    "most-models-hurt": (Check(most_hurt, {NONE: 0.0, EFFECT: 2.0, OPPOSITE: -2.0}),),
    "one-model-tells-sensitivity": (
        Check(sensitive, {NONE: 0.0, EFFECT: 1.0, OPPOSITE: -1.0}, {"target_effect": 0.0}),
    ),
    "probe-ranks-models": (Check(probe, {NONE: 0.0, EFFECT: 0.8, OPPOSITE: -0.8}),),
    "top-three-are-enough": (Check(probe, {NONE: 0.0, EFFECT: 0.8, OPPOSITE: -0.8}),),
    "source-and-target-apart": (
        Check(additive("base"), {NONE: 0.0}),
        Check(additive("target"), {NONE: 0.0}, {"target_effect": 0.0}),
        Check(additive(""), {EFFECT: 1.0, OPPOSITE: -1.0}, {"target_effect": 0.0}),
    ),
    "source-size-good": (Check(source_size("good"), {NONE: 0.0, EFFECT: 0.5, OPPOSITE: -0.5}),),
    "source-size-bad": (Check(source_size("bad"), {NONE: 0.0, EFFECT: -0.5, OPPOSITE: 0.5}),),
    "target-size": (Check(target_sizes(-0.5, 0.0), {NONE: 0.0, EFFECT: 1.0, OPPOSITE: -1.0}),),
    "u-shape": (Check(target_sizes(0.0, 1.0), {NONE: 0.0, EFFECT: 1.0}),),
    "source-seeds-differ": (Check(seeds, {NONE: 0.0, EFFECT: 1.0}),),
    "source-score-says-nothing": (Check(source_score, {NONE: 0.5, EFFECT: 0.0, OPPOSITE: 0.8}),),
    "good-basins": (Check(basins, {NONE: 0.0, EFFECT: 1.5, OPPOSITE: -1.5}),),
    "sources-rank-differently": (
        Check(architectures("source"), {NONE: 0.5, EFFECT: 0.0, OPPOSITE: 0.9}),
    ),
    "targets-are-alike-sensitive": (Check(architectures("target"), {NONE: 0.0, EFFECT: 0.8}),),
    "weight-decay": (
        Check(contrast("weight_decay", (0.0, 1.0)), {NONE: 1.0, EFFECT: 0.0, OPPOSITE: 3.0}),
        Check(contrast("weight_decay", (0.0, 1.0), "t5"), {NONE: 0.0, EFFECT: -3.3, OPPOSITE: 3.0}),
    ),
    "penalty-prevents-loss": (
        Check(contrast("l2_to_base", (0.0, 0.1)), {NONE: 0.0, EFFECT: 2.0, OPPOSITE: -2.0}),
    ),
    "probe-first": (
        Check(
            contrast("method", ("finetune", "lp_then_ft")),
            {NONE: 1.0, EFFECT: 0.0, OPPOSITE: 3.0},
        ),
    ),
    "probe-beats-estimators": (Check(estimators, {NONE: 0.0, EFFECT: 1.5, OPPOSITE: -1.5}),),
}
# At the edge of what is little, or weak, the claim is as true as not: the contrary is not wrong there.
EDGES = {"source-score-says-nothing", "sources-rank-differently"}


# Worlds in which effects are planted; none is, in all of them.
POWERED = {EFFECT: ("plain", NASTY), OPPOSITE: ("plain",)}


def simulate(claim: str, world: str, simulations: int, seed: int = 0) -> list[dict[str, object]]:
    """Returns rows of the table: what was said, by what was planted."""
    rows = []
    allowed = float(stats.binom.ppf(CHANCE, simulations, LEVEL)) / simulations
    for number, check in enumerate(CHECKS[claim]):
        for kind, size in check.sizes.items():
            if world not in POWERED.get(kind, WORLDS):
                continue
            own = replace(WORLDS[world], **(check.change or {}))
            said = []
            rng = np.random.default_rng([seed, crc32(f"{claim}/{world}/{kind}/{number}".encode())])
            with patch.object(additive_rule, "regression", return_value=NO_FIT):
                for _ in range(simulations):
                    records = evidence(*check.plant(rng, own, size))
                    said.append(verdict(CLAIMS[claim], records, claim, None).verdict)
            shows, contrary = (float(np.mean([s == v for s in said])) for v in (SHOWS, CONTRARY))
            computed = float(np.mean([not s.startswith("not computed") for s in said]))
            none = kind == NONE
            rows.append(
                {
                    "claim": claim,
                    "check": number,
                    "world": world,
                    "planted": kind,
                    "size": size,
                    "simulations": simulations,
                    "computed": computed,
                    "wrong": shows if none else contrary if kind == EFFECT else shows,
                    "wrong_contrary": contrary if none and claim not in EDGES else np.nan,
                    "power": np.nan if none else shows if kind == EFFECT else contrary,
                    "allowed": allowed,
                }
            )
    return rows


def main() -> int:
    """Writes the table and says what is outside."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--simulations", type=int, default=200)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--claim", choices=list(CHECKS), action="append")
    parser.add_argument("--world", choices=list(WORLDS), action="append")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rows: list[dict[str, object]] = []
    for claim in options.claim or CHECKS:
        began = time.perf_counter()
        for world in options.world or WORLDS:
            rows += simulate(claim, world, options.simulations, options.seed)
        print(f"{claim}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    table = pd.DataFrame(rows)
    if options.out:
        table.to_csv(options.out, index=False, float_format="%.4g", lineterminator="\n")
    outside = table[table[["wrong", "wrong_contrary"]].max(axis=1) > table["allowed"]]
    with pd.option_context("display.width", 200, "display.max_rows", None):
        print(table.drop(columns=["simulations", "allowed"]).to_string(index=False))
        print(f"{len(outside)} of {len(table)} rows are outside")
    return int(len(outside) > 0)


if __name__ == "__main__":
    sys.exit(main())
