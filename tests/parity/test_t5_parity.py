"""T5's encoder output, logits, loss, gradients and greedy texts equal PyTorch's (design, rule 1)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from parity_cases import BATCH_LENGTHS
from parity_ours import (
    GRADIENT_FLOOR,
    LAYER_TOLERANCE,
    MODEL_TOLERANCE,
    Arrays,
    compiler_options,
    error,
    part,
)
from t5_cases import CASES, TEXT_LENGTHS, random_case

from intertrain_jax.data.packing import BlockShape, pack
from intertrain_jax.models.families import t5_texts
from intertrain_jax.models.families.t5 import T5Config
from intertrain_jax.models.families.t5_network import relative_buckets
from intertrain_jax.models.families.table import family_of
from intertrain_jax.models.hf.tensors import flatten, params_from_tensors, tensors_from_params
from intertrain_jax.models.padded import padded_block
from intertrain_jax.train.arena import SplitView
from intertrain_jax.train.hyper import blank_hyper
from intertrain_jax.train.objectives import TextToText
from intertrain_jax.train.step import BlockKind, micro_step

_FIXTURES = Path(__file__).parent / "fixtures"
# One example in each row, or two of them in one.
PADDED, PACKED = BlockShape(3, 8, 1), BlockShape(2, 8, 2)

each_case = pytest.mark.parametrize("index", range(len(CASES)), ids=[case.name for case in CASES])


@dataclass(frozen=True)
class Loaded:
    """A case with its weights in our tree, and all that the reference has and computes."""

    config: T5Config
    params: dict[str, Any]
    reference: Arrays


def load(case: Any, reference: Arrays) -> Loaded:
    """Loads the reference's weights as a checkpoint's."""
    config = family_of(case.hf_config, case.name).config(case.hf_config, case.name)
    weights = part(reference, "weight/")
    params, head, report = params_from_tensors(config, weights, case.name)
    assert len(report.used) == len(weights)
    return Loaded(config, params if head is None else {**params, "head": head}, reference)


@cache
def _fixture(index: int) -> Loaded:
    with np.load(_FIXTURES / f"{CASES[index].name}.npz") as arrays:
        return load(CASES[index], dict(arrays))


def forward_differences(loaded: Loaded, params: Any) -> dict[str, float]:
    """Returns, by what is compared, the error in units of its tolerance; all must be at most 1."""
    reference, config = loaded.reference, loaded.config
    ids, texts = reference["batch/input_ids"], reference["batch/texts"]
    real = reference["batch/attention_mask"].astype(bool)
    encoded, logits = _forward(params, config, ids, reference["batch/attention_mask"], texts)
    tolerance = LAYER_TOLERANCE if config.num_layers == 1 else MODEL_TOLERANCE
    return {
        "encoded": error(np.asarray(encoded)[real], reference["encoded"][real]) / tolerance,
        "logits": error(logits, reference["logits"]) / MODEL_TOLERANCE,
    }


def training_differences(loaded: Loaded, shape: BlockShape) -> dict[str, float]:
    """Returns the same of loss and gradients: those of the micro-step that trains, without dropout."""
    reference, config, params = loaded.reference, loaded.config, loaded.params
    ids, texts = reference["batch/input_ids"], reference["batch/texts"]
    real = reference["batch/attention_mask"].astype(bool)
    objective = TextToText(config, len(texts), texts.shape[1], "score", "head" in params)
    hyper = replace(
        blank_hyper(objective.answers_shape),
        answers_CxT=texts.astype(np.int32),
        num_classes=np.int32(len(texts)),
    )
    lengths = np.array(BATCH_LENGTHS, np.int32)
    view = SplitView(
        offsets=(np.cumsum(lengths) - lengths).astype(np.int32),
        lengths=lengths,
        boundaries=lengths,
        labels=np.arange(len(texts), dtype=np.float32),
    )
    blocks = pack(lengths.tolist(), (shape,))
    assert len(blocks) == 1
    with jax.default_matmul_precision("float32"):
        gradient, loss = _micro_step(objective, shape.length)(
            jax.tree.map(np.zeros_like, params),
            params,
            np.int32(0),
            hyper,
            view.segments(blocks[0].examples),
            np.float32(1 / len(texts)),
            arena=jnp.asarray(ids[real].astype(np.uint16)),
        )
    found = {"loss": error(loss, reference["loss"]) / MODEL_TOLERANCE}
    body = {name: value for name, value in gradient.items() if name != "head"}
    ours = tensors_from_params(config, body, gradient.get("head"))
    theirs = part(reference, "gradient/")
    assert ours.keys() == theirs.keys()
    floor = GRADIENT_FLOOR * max(np.abs(g).max() for g in theirs.values())
    for name, g in theirs.items():
        found[f"gradient {name}"] = error(ours[name], g, floor) / MODEL_TOLERANCE
    return found


@cache
def _micro_step(objective: TextToText, row_length: int) -> Any:
    step = partial(micro_step, kind=BlockKind(objective, row_length, jnp.float32))
    return jax.jit(step, compiler_options=compiler_options())


@partial(jax.jit, static_argnums=1, compiler_options=compiler_options())
def _encode_and_score(params: Any, config: T5Config, block: Any, texts: Any) -> Any:
    encoded = t5_texts.encode(params, config, block)
    inputs = t5_texts.decoder_inputs(texts[:, None], config)
    return encoded, t5_texts.text_logits(params, config, block, encoded, inputs)[:, 0]


def _forward(params: Any, config: T5Config, ids: Any, mask: Any, texts: Any) -> Any:
    with jax.default_matmul_precision("float32"):
        block = padded_block(config, ids, mask)
        return _encode_and_score(params, config, block, jnp.asarray(texts, jnp.int32))


def _beyond_tolerance(found: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in found.items() if not value <= 1}


@each_case
def test_outputs_equal_torchs(index: int) -> None:
    loaded = _fixture(index)
    assert _beyond_tolerance(forward_differences(loaded, loaded.params)) == {}


@pytest.mark.parametrize("shape", [PADDED, PACKED], ids=["padded", "packed"])
@each_case
def test_loss_and_gradients_equal_torchs(index: int, shape: BlockShape) -> None:
    assert _beyond_tolerance(training_differences(_fixture(index), shape)) == {}


@each_case
def test_no_array_can_be_dropped(index: int) -> None:
    loaded = _fixture(index)
    for path, leaf in flatten(loaded.params):
        neutral = np.ones_like(leaf) if path.endswith("scale") else np.zeros_like(leaf)
        params = _replaced(loaded.params, path, neutral)
        assert _beyond_tolerance(forward_differences(loaded, params)), path


def test_fixtures_cover_both_versions() -> None:
    assert len(CASES) >= 6 and len(TEXT_LENGTHS) == len(BATCH_LENGTHS)
    kinds = {
        (c.hf_config["tie_word_embeddings"], "gated" in c.hf_config["feed_forward_proj"])
        for c in CASES
    }
    assert kinds == {(True, False), (False, False), (True, True), (False, True)}


@pytest.mark.parametrize("seed", [21, 22, 23])
def test_equals_live_torch(seed: int) -> None:
    pytest.importorskip("torch", reason="needs torch; the fixtures hold what it computes")
    from t5_torch import reference

    case = random_case(seed)
    loaded = load(case, reference(case, seed))
    assert _beyond_tolerance(forward_differences(loaded, loaded.params)) == {}
    assert _beyond_tolerance(training_differences(loaded, PADDED)) == {}


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize(("buckets", "distance"), [(32, 128), (6, 7), (9, 30), (4, 3), (13, 40)])
def test_buckets_equal_torchs(bidirectional: bool, buckets: int, distance: int) -> None:
    torch = pytest.importorskip("torch", reason="needs torch")
    from transformers.models.t5.modeling_t5 import T5Attention

    relative = torch.arange(300)[None, :] - torch.arange(200)[:, None]
    theirs = T5Attention._relative_position_bucket(relative, bidirectional, buckets, distance)
    ours = relative_buckets(200, 300, bidirectional, buckets, distance)
    np.testing.assert_array_equal(ours, theirs.numpy())


@pytest.mark.parametrize("case", [CASES[0], CASES[3]], ids=lambda case: case.name)
def test_greedy_texts_equal_torchs(case: Any) -> None:
    """Two hundred prompts of different lengths; ties between tokens do not occur in float32."""
    torch = pytest.importorskip("torch", reason="needs torch")
    from t5_torch import build

    model, weights = build(case, 3)
    config = family_of(case.hf_config, case.name).config(case.hf_config, case.name)
    params, head, _ = params_from_tensors(config, weights, case.name)
    params = params if head is None else {**params, "head": head}
    draw = np.random.default_rng(9)
    ids = draw.integers(2, config.vocab_size, (200, 19))
    mask = (np.arange(19) < draw.integers(3, 20, 200)[:, None]).astype(np.int64)
    ids = np.where(mask, ids, 0)
    with torch.no_grad():
        theirs = model.generate(
            input_ids=torch.from_numpy(ids),
            attention_mask=torch.from_numpy(mask),
            max_new_tokens=8,
            do_sample=False,
            use_cache=False,
        ).numpy()[:, 1:]
    block = padded_block(config, ids, mask)
    ours = np.asarray(_generate(params, config, block))[:, 0]
    np.testing.assert_array_equal(ours[:, : theirs.shape[1]], theirs)
    # Tied to its input, a random model mostly repeats itself.
    assert len({tuple(text) for text in ours}) >= (4 if config.tied else 40)


@partial(jax.jit, static_argnums=1)
def _generate(params: Any, config: T5Config, block: Any) -> Any:
    with jax.default_matmul_precision("float32"):
        return t5_texts.generate(params, config, block, t5_texts.encode(params, config, block), 8)


def _replaced(tree: dict[str, Any], path: str, leaf: np.ndarray) -> dict[str, Any]:
    first, _, rest = path.partition("/")
    return {**tree, first: _replaced(tree[first], rest, leaf) if rest else leaf}
