"""Scores with planted noise, for tests of what is made of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

STD = np.array([0.2, 0.3, 0.5, 0.5, 1.0, 1.0, 2.0, 4.0])
TARGETS = [f"t{j}" for j in range(len(STD))]


def long(scores_MxNxS: np.ndarray, names: list[str], targets: list[str]) -> pd.DataFrame:
    """Scores in long form; NaN where a run is missing."""
    index = pd.MultiIndex.from_product(
        [names, targets, range(scores_MxNxS.shape[2])], names=["base", "target", "seed"]
    )
    return pd.DataFrame({"score": scores_MxNxS.ravel()}, index=index).reset_index()


def scores(true_MxN: np.ndarray, seeds: int, rng: np.random.Generator) -> pd.DataFrame:
    noise = STD[:, None] * rng.normal(size=(*true_MxN.shape, seeds))
    names = ["PT", *(f"m{i:02}" for i in range(1, len(true_MxN)))]
    return long(true_MxN[:, :, None] + noise, names, TARGETS)


def gains_of(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, pd.Series]:
    """Returns gains over PT, seeds per cell, and seeds of PT."""
    cells = table.groupby(["base", "target"])["score"].agg(["mean", "count"]).unstack()
    wide, n = cells["mean"], cells["count"]
    return wide.drop(index="PT") - wide.loc["PT"], n.drop(index="PT"), n.loc["PT"]


def read_twenty_seeds(published: Path) -> pd.DataFrame:
    """Scores of RoBERTa on 36 targets over 20 seeds."""
    folder = published / "model-recycling"
    raw = pd.read_csv(folder / "models_results_roberta_base_pretrain.csv", sep="\t")
    fraction = raw["accuracy"].fillna(raw["spearmanr"])
    return pd.DataFrame(
        {"base": "PT", "target": raw["dataset name"], "seed": raw["dir"], "score": 100 * fraction}
    )
