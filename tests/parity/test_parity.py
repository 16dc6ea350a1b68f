"""Hidden states, logits, loss and gradients equal PyTorch's (design, rule 1)."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from parity_cases import CASES, TYPES, random_case
from parity_ours import PACKED, PADDED, Loaded, compute, differences, load, part
from t5_cases import CASES as T5_CASES

from intertrain_jax.models.families.table import FAMILIES
from intertrain_jax.models.hf.tensors import flatten

_FIXTURES = Path(__file__).parent / "fixtures"

each_case = pytest.mark.parametrize("index", range(len(CASES)), ids=[case.name for case in CASES])


@cache
def _fixture(index: int) -> Loaded:
    with np.load(_FIXTURES / f"{CASES[index].name}.npz") as arrays:
        return load(CASES[index], dict(arrays))


def _beyond_tolerance(
    loaded: Loaded, places: tuple[tuple[int, int], ...], params: Any = None
) -> dict[str, float]:
    found = differences(loaded, compute(loaded, places, params))
    return {name: error for name, error in found.items() if not error <= 1}


@pytest.mark.parametrize("places", [PADDED, PACKED], ids=["padded", "packed"])
@each_case
def test_equals_torch(index: int, places: tuple[tuple[int, int], ...]) -> None:
    assert _beyond_tolerance(_fixture(index), places) == {}


@each_case
def test_no_bias_and_no_norm_can_be_dropped(index: int) -> None:
    loaded = _fixture(index)
    neutral = {"bias": 0.0, "scale": 1.0}
    unnoticed = set()
    for path, leaf in flatten(loaded.params):
        kind = path.split("/")[-1]
        if kind in neutral:
            params = _replaced(loaded.params, path, np.full_like(leaf, neutral[kind]))
            noticed = _beyond_tolerance(loaded, PADDED, params)
            if not noticed.keys() & {"hidden", "logits"}:
                unnoticed.add(path)
    # What is the same in all scores of a query cancels in the softmax: a key's bias does nothing.
    assert unnoticed == {f"layers/{i}/key/bias" for i in range(loaded.config.num_layers)}


@each_case
def test_no_tensor_can_be_dropped(index: int) -> None:
    loaded = _fixture(index)
    for path, leaf in flatten(loaded.params):
        if path.split("/")[-1] not in ("bias", "scale"):
            params = _replaced(loaded.params, path, np.zeros_like(leaf))
            noticed = _beyond_tolerance(loaded, PADDED, params)
            assert noticed.keys() & {"hidden", "logits"}, path


@each_case
def test_the_reference_says_something_about_every_tensor(index: int) -> None:
    """Comparing zeros, or tokens that are all alike, would prove nothing."""
    loaded = _fixture(index)
    gradients = part(loaded.reference, "gradient/")
    largest = max(np.abs(gradient).max() for gradient in gradients.values())
    idle = {name for name, g in gradients.items() if np.abs(g).max() < 1e-4 * largest}
    table = FAMILIES[loaded.config.family].keys(loaded.config)
    (key,) = (key.tensor for key in table.body if key.path == "layers/{layer}/key/bias")
    keys = {key.replace("{layer}", str(i)) for i in range(loaded.config.num_layers)}
    assert {name.removeprefix(table.prefix) for name in idle} <= keys
    real = loaded.reference["batch/attention_mask"].astype(bool)
    last = loaded.reference[f"hidden/{loaded.config.num_layers}"][real]
    assert last.std(axis=0).mean() > 0.05 * last.std()


def test_fixtures_cover_the_cases_and_stay_small() -> None:
    files = list(_FIXTURES.glob("*.npz"))
    assert {file.stem for file in files} == {case.name for case in (*CASES, *T5_CASES)}
    assert sum(file.stat().st_size for file in files) < 55_000 * len(files)
    encoders = [name for name, family in FAMILIES.items() if not family.text_to_text]
    for family in encoders:
        assert sum(_fixture(i).config.family == family for i in range(len(CASES))) >= 6


@pytest.mark.parametrize("seed", [11, 12])
@pytest.mark.parametrize("model_type", TYPES)
def test_equals_live_torch(model_type: str, seed: int) -> None:
    pytest.importorskip("torch", reason="needs torch; the fixtures hold what it computes")
    pytest.importorskip("transformers", reason="needs transformers")
    from parity_torch import reference

    case = random_case(model_type, seed)
    assert _beyond_tolerance(load(case, reference(case, seed)), PADDED) == {}


def _replaced(tree: dict[str, Any], path: str, leaf: np.ndarray) -> dict[str, Any]:
    first, _, rest = path.partition("/")
    return {**tree, first: _replaced(tree[first], rest, leaf) if rest else leaf}
