"""The sizes and the order that are known agree with the published table and the real data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from intertrain_jax.diagnosis.known_tables import FREE, SITE_ORDER, known_sizes, site_order


def test_the_order_is_that_of_the_published_runs(published: Path) -> None:
    runs = pd.read_csv(
        published / "model-recycling" / "models_results_roberta_base_pretrain.csv", sep="\t"
    )
    assert list(dict.fromkeys(runs["dataset name"])) == SITE_ORDER


def test_every_published_run_is_a_count(published: Path) -> None:
    runs = pd.read_csv(
        published / "model-recycling" / "models_results_roberta_base_pretrain.csv", sep="\t"
    )
    for name, scores in runs.groupby("dataset name")["accuracy"]:
        if name not in FREE:
            (size, *_) = known_sizes(name)
            right = scores.to_numpy(float) * size
            np.testing.assert_allclose(right, np.rint(right), atol=1e-6, err_msg=str(name))


def test_columns_of_the_site_are_put_in_its_order() -> None:
    columns = sorted(SITE_ORDER)
    order = site_order([*columns, "mine"])
    assert order is not None
    assert [[*columns, "mine"][at] for at in order] == [*SITE_ORDER, "mine"]


@pytest.mark.parametrize("columns", [SITE_ORDER[:8], [f"t{c}" for c in range(36)]])
def test_other_tables_have_no_known_order(columns: list[str]) -> None:
    assert site_order(columns) is None


def test_names_are_known_however_they_are_written() -> None:
    assert known_sizes(" Trec-Coarse ") == (500,) and known_sizes("nobody knows") == ()
