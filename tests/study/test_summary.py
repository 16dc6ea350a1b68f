"""Results as finite JSON."""

from __future__ import annotations

import numpy as np
import pandas as pd

from intertrain_jax.study.summary import plain


def test_plain_values_are_finite() -> None:
    value = {"a": np.float64(1 / 3), "b": [float("nan"), np.inf], "c": pd.Series({"x": np.nan})}
    assert plain(value) == {"a": 0.333333, "b": [None, None], "c": {"x": None}}
    assert plain(pd.DataFrame({"n": [1], "name": ["x"]})) == [{"n": 1, "name": "x"}]
