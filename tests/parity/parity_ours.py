"""What this package computes for a parity case, and how far that is from the reference."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray
from parity_cases import BATCH_LENGTHS, Case

from intertrain_jax.models.block import Params, TokenBlock, word_embeddings
from intertrain_jax.models.families.encoder_config import EncoderConfig
from intertrain_jax.models.families.table import FAMILIES, family_of
from intertrain_jax.models.hf.tensors import params_from_tensors, tensors_from_params

LAYER_TOLERANCE = 1e-5
MODEL_TOLERANCE = 1e-4
# A gradient that is zero in theory (that of a key's bias) is compared on this part of the scale of
# all the model's gradients.
GRADIENT_FLOOR = 1e-2

Arrays = dict[str, NDArray[Any]]

# Where the examples lie in a block of three rows of eight tokens: one in each row, or two in one.
ROW_LENGTH = 8
PADDED = ((0, 0), (1, 0), (2, 0))
PACKED = ((1, 0), (0, 0), (0, 5))


def compiler_options() -> dict[str, Any] | None:
    """Returns options that compile five times faster, where this version of XLA has them."""
    options = {"xla_backend_optimization_level": 0, "xla_cpu_use_fusion_emitters": False}
    try:
        jax.jit(lambda: 0, compiler_options=options)()
    except jax.errors.JaxRuntimeError:
        return None
    return options


class Outputs(NamedTuple):
    """What is compared: of examples [B, ...] where they are, not where they lie in the block."""

    layers: list[Any]
    hidden: Any
    logits: Any
    loss: Any
    gradients: Any


@dataclass(frozen=True)
class Loaded:
    """A case with its weights in our tree, and all that the reference has and computes."""

    config: EncoderConfig
    params: Params
    reference: Arrays

    def block(self, places: tuple[tuple[int, int], ...]) -> TokenBlock:
        """Returns the examples laid out at the given (row, first column)."""
        shape = (len(BATCH_LENGTHS), ROW_LENGTH)
        tokens, positions, types = (np.zeros(shape, np.int32) for _ in range(3))
        segments = np.full(shape, -1, np.int32)
        starts = np.full((len(BATCH_LENGTHS), 2), ROW_LENGTH, np.int32)
        for example, ((row, column), length) in enumerate(zip(places, BATCH_LENGTHS, strict=True)):
            there = (row, slice(column, column + length))
            tokens[there] = self.reference["batch/input_ids"][example, :length]
            types[there] = self.reference["batch/token_type_ids"][example, :length]
            positions[there] = np.arange(length)
            segments[there] = int(column > 0)
            starts[row, int(column > 0)] = column
        return TokenBlock(*map(jnp.asarray, (tokens, segments, positions, types, starts)))


def load(case: Case, reference: Arrays) -> Loaded:
    """Loads the reference's weights as a checkpoint's."""
    config = family_of(case.hf_config, case.name).config(case.hf_config, case.name)
    weights = part(reference, "weight/")
    params, head, report = params_from_tensors(config, weights, case.name)
    assert len(report.used) == len(weights)
    return Loaded(config, {**params, "head": head}, reference)


def part(reference: Arrays, prefix: str) -> Arrays:
    """Returns the arrays under a prefix, without it."""
    return {
        name.removeprefix(prefix): array
        for name, array in reference.items()
        if name.startswith(prefix)
    }


def compute(
    loaded: Loaded, places: tuple[tuple[int, int], ...] = PADDED, params: Params | None = None
) -> Outputs:
    """Computes a case with the examples at the given places of the block."""
    rows = np.array([row for row, _ in places])
    starts = np.array([column for _, column in places])
    columns = starts[:, None] + np.arange(max(BATCH_LENGTHS))
    real = np.arange(max(BATCH_LENGTHS)) < np.array(BATCH_LENGTHS)[:, None]
    tokens = (rows[:, None], np.where(real, columns, 0))
    inputs = []  # of every layer, as the reference has them
    for i in range(loaded.config.num_layers):
        x = np.zeros((len(rows), ROW_LENGTH, loaded.config.hidden_size), np.float32)
        given = loaded.reference[f"hidden/{i}"]
        x[np.broadcast_to(rows[:, None], real.shape)[real], columns[real]] = given[real]
        inputs.append(x)
    with jax.default_matmul_precision("float32"):
        outputs = _compute(
            loaded.params if params is None else params,
            loaded.config,
            loaded.block(places),
            tokens,
            (rows, (starts > 0).astype(np.int32)),
            loaded.reference["batch/labels"],
            inputs,
        )
    return Outputs(*outputs)


@partial(jax.jit, static_argnums=1, compiler_options=compiler_options())
def _compute(
    params: Params,
    config: EncoderConfig,
    block: TokenBlock,
    tokens: tuple[jax.Array, jax.Array],
    segments: tuple[jax.Array, jax.Array],
    labels: jax.Array,
    inputs: list[jax.Array],
) -> tuple[Any, ...]:
    body = {name: value for name, value in params.items() if name != "head"}
    network = FAMILIES[config.family].network
    encoder = network.bind(body, config)
    words = word_embeddings(params, block.tokens_RxL)
    layers = [encoder.embeddings(words, block, jnp.float32)[tokens]]
    for i, x in enumerate(inputs):
        layers.append(encoder.layers[str(i)](x, block, None, 0, only_first=False)[tokens])

    def loss(params: Params) -> tuple[jax.Array, jax.Array]:
        words = word_embeddings(params, block.tokens_RxL)
        logits = network.classify(params, words, config, block, None)[segments]
        if logits.shape[-1] == 1:
            return ((logits[:, 0] - labels) ** 2).mean(), logits
        chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], axis=-1)
        return -chosen.mean(), logits

    (value, logits), gradients = jax.value_and_grad(loss, has_aux=True)(params)
    return layers, network.hidden_states(body, config, block)[tokens], logits, value, gradients


def differences(loaded: Loaded, outputs: Outputs) -> dict[str, float]:
    """Returns, by what is compared, the error in units of its tolerance; all must be at most 1."""
    reference = loaded.reference
    real = reference["batch/attention_mask"].astype(bool)
    found = {}
    for i, layer in enumerate(outputs.layers):
        theirs = reference[f"hidden/{i}"][real]
        found[f"layer {i}"] = error(np.asarray(layer)[real], theirs) / LAYER_TOLERANCE
    last = reference[f"hidden/{loaded.config.num_layers}"][real]
    found["hidden"] = error(np.asarray(outputs.hidden)[real], last) / MODEL_TOLERANCE
    found["logits"] = error(outputs.logits, reference["logits"]) / MODEL_TOLERANCE
    found["loss"] = error(outputs.loss, reference["loss"]) / MODEL_TOLERANCE
    body = {name: value for name, value in outputs.gradients.items() if name != "head"}
    ours = tensors_from_params(loaded.config, body, outputs.gradients["head"])
    theirs = part(reference, "gradient/")
    assert ours.keys() == theirs.keys()
    floor = GRADIENT_FLOOR * max(np.abs(gradient).max() for gradient in theirs.values())
    for name, gradient in theirs.items():
        found[f"gradient {name}"] = error(ours[name], gradient, floor) / MODEL_TOLERANCE
    return found


def error(ours: Any, theirs: NDArray[Any], floor: float = 0.0) -> float:
    """Returns the largest difference relative to the reference's largest number."""
    ours = np.asarray(ours)
    assert ours.shape == theirs.shape
    return float(np.abs(ours - theirs).max() / max(np.abs(theirs).max(), floor))
