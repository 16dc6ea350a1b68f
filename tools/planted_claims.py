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
    "six targets, two seeds, noise by target, heavy tails, strong targets": World(
        targets=6, seeds=2, spread=1.0, tails=3.0, target_effect=4.0, interaction=1.5
    ),
    "models alike, lucky sources, 20 % missing": World(
        spread=0.7,
        tails=4.0,
        target_effect=2.0,
        interaction=1.0,
        source_luck=0.5,
        alike=3,
        missing=0.2,
    ),
}
NASTY = list(WORLDS)[-1]


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
    rng: np.random.Generator,
    world: World,
    table: pd.DataFrame,
    gains_DxT: np.ndarray,
    noise_D: np.ndarray | float = 1.0,
) -> pd.DataFrame:
    """Returns runs of base models and of the pretrained one, in the form that claims are judged on.

    Args:
        rng: of everything random.
        world: what is random.
        table: of `designs`, D rows.
        gains_DxT: planted gains in points, which may be broadcast, [D, T].
        noise_D: how large the noise of each row is beside the target's; the pretrained model's is that
            of the first row of its size and settings.
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

    def noise(of: np.ndarray) -> np.ndarray:
        return of[:, None, None] * scale_T[:, None] * student(rng, world.tails, (len(of), t, s))

    own_D = np.broadcast_to(np.asarray(noise_D, dtype=float), (d,))
    runs, first = skeleton(table, t, s)
    scores = np.concatenate(
        [
            level_T[:, None] + gains_DxT[:, :, None] + luck_DxS[:, None, :] + noise(own_D),
            level_T[:, None] + noise(own_D[first]),
        ]
    )
    # A grid whose baseline failed would be done again: runs of base models are missing.
    gone = (rng.random(len(runs)) < world.missing) & (runs["kind"] != "pretrained").to_numpy()
    return runs.assign(score=scores.ravel())[~gone].reset_index(drop=True)


_SKELETONS: dict[tuple[int, int, int], tuple[pd.DataFrame, pd.DataFrame, np.ndarray]] = {}


def skeleton(table: pd.DataFrame, t: int, s: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Returns runs without scores, and which rows of the table a pretrained model's row stands for.

    They are made once for a table, which is kept.

    Args:
        table: of `designs`.
        t, s: how many targets and seeds.
    """
    key = (id(table), t, s)
    if key in _SKELETONS:
        return _SKELETONS[key][1:]
    first = ~table.duplicated(SETTINGS).to_numpy()
    plain = table[first].assign(base="PT", kind="pretrained", group=None, source_size=pd.NA)
    every = pd.concat([table.astype({"source_size": object}), plain], ignore_index=True)
    runs = every.loc[np.repeat(np.arange(len(every)), t * s)].reset_index(drop=True)
    runs["target"] = np.tile(np.repeat([f"t{i:02}" for i in range(t)], s), len(every))
    runs["seed"] = np.tile(np.arange(s), len(every) * t)
    runs["source_seed"] = runs["seed"].where(runs["source_size"].notna(), pd.NA)
    _SKELETONS[key] = (table, runs, first)
    return runs, first
