"""Records with planted effects, for checking the rules that judge claims."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

SETTINGS = ["architecture", "target_size", "method", "weight_decay", "l2_to_base"]


@dataclass(frozen=True)
class World:
    """What records are like beside the planted effect.

    Attributes:
        targets, seeds: how many of each; source seeds are target seeds.
        noise: standard deviation of a run in points, typical over targets.
        spread: standard deviation of the logarithm of the targets' noise: how far they differ in it.
        tails: degrees of freedom of the noise, Student's; its variance is that of a normal one's.
        target_effect: standard deviation of what all base models gain on a target.
        interaction: standard deviation of what one base model gains on one target.
        source_luck: standard deviation of what a seed of a source model gains on all targets.
        alike: base models come in series of so many, which share half of their interaction's variance.
        missing: share of runs that are not there.
    """

    targets: int = 10
    seeds: int = 3
    noise: float = 1.0
    spread: float = 0.0
    tails: float = np.inf
    target_effect: float = 0.0
    interaction: float = 0.3
    source_luck: float = 0.0
    alike: int = 1
    missing: float = 0.0


PLAIN = World()
WORLDS = {
    "plain": PLAIN,
    "two seeds": World(seeds=2),
    "noise by target, heavy tails": World(spread=1.0, tails=3.0),
    "strong target effects": World(target_effect=4.0, interaction=1.5),
    "models alike, lucky sources": World(alike=3, interaction=1.0, source_luck=0.7),
    "20 % missing, all of it": World(
        spread=0.7,
        tails=4.0,
        target_effect=2.0,
        interaction=1.0,
        source_luck=0.4,
        alike=2,
        missing=0.2,
    ),
}


def student(rng: np.random.Generator, tails: float, shape: tuple[int, ...]) -> np.ndarray:
    """Returns draws of unit variance."""
    if np.isinf(tails):
        return rng.normal(size=shape)
    return rng.standard_t(tails, size=shape) * np.sqrt((tails - 2.0) / tails)


def designs(bases: Sequence[str], **columns: object) -> pd.DataFrame:
    """Returns one row per base model, with what is said of all of them or of each."""
    table = pd.DataFrame({"base": list(bases)})
    defaults: dict[str, object] = {
        "part": "planted",
        "architecture": "roberta",
        "kind": "source",
        "group": None,
        "source_size": 2000,
        "target_size": 1000,
        "method": "finetune",
        "weight_decay": 0.01,
        "l2_to_base": 0.0,
    }
    return table.assign(**(defaults | columns))


def planted(
    rng: np.random.Generator, world: World, table: pd.DataFrame, gains_DxT: np.ndarray
) -> pd.DataFrame:
    """Returns runs of base models and of the pretrained one, in the form that claims are judged on.

    Args:
        rng: of everything random.
        world: what is random.
        table: of `designs`, D rows.
        gains_DxT: planted gains in points, which may be broadcast, [D, T].
    """
    d, t, s = len(table), world.targets, world.seeds
    names = list(dict.fromkeys(table["base"]))
    base_D = table["base"].map({name: i for i, name in enumerate(names)}).to_numpy()
    series = np.arange(len(names)) // world.alike
    own = rng.normal(size=(len(names), t))
    if world.alike > 1:
        own = (own + rng.normal(size=(series[-1] + 1, t))[series]) / 2**0.5
    scale_T = world.noise * np.exp(world.spread * rng.normal(size=t))
    gains_DxT = np.broadcast_to(gains_DxT, (d, t)) + world.target_effect * rng.normal(size=t)
    gains_DxT = gains_DxT + world.interaction * own[base_D]
    luck_DxS = world.source_luck * rng.normal(size=(d, s))
    level_T = rng.uniform(60.0, 80.0, size=t)

    def noise(rows: int) -> np.ndarray:
        return scale_T[:, None] * student(rng, world.tails, (rows, t, s))

    plain = table.drop_duplicates(SETTINGS).assign(
        base="PT", kind="pretrained", group=None, source_size=pd.NA
    )
    scores = np.concatenate(
        [
            level_T[:, None] + gains_DxT[:, :, None] + luck_DxS[:, None, :] + noise(d),
            level_T[:, None] + noise(len(plain)),
        ]
    )
    every = pd.concat([table.astype({"source_size": object}), plain], ignore_index=True)
    runs = every.loc[np.repeat(np.arange(len(every)), t * s)].reset_index(drop=True)
    runs["target"] = np.tile(np.repeat([f"t{i:02}" for i in range(t)], s), len(every))
    runs["seed"] = np.tile(np.arange(s), len(every) * t)
    runs["source_seed"] = runs["seed"].where(runs["source_size"].notna(), pd.NA)
    runs["score"] = scores.ravel()
    # A grid whose baseline failed would be done again: runs of base models are missing.
    gone = (rng.random(len(runs)) < world.missing) & (runs["kind"] != "pretrained")
    return runs[~gone].reset_index(drop=True)
