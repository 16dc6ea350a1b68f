"""Checks a model before it is used: what was loaded, and whether torch computes the same."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from intertrain_jax.auto import load_auto
from intertrain_jax.base import IntertrainError, reason_of
from intertrain_jax.models.api import Model, TextModel, load_model
from intertrain_jax.models.families.family import AnyConfig
from intertrain_jax.models.families.table import FAMILIES
from intertrain_jax.models.hf.config import read_hf_config
from intertrain_jax.models.hf.references import resolve_reference
from intertrain_jax.models.hf.tensors import LoadReport, flatten, params_from_tensors

# Whole models agree to this, relative to the largest number compared (design, rule 1).
TOLERANCE = 1e-4
_SMALLEST_SCALE = 0.01
_BATCH, _LENGTH = 4, 24
# Names that every model has one of.
_WORDS = ("word_embeddings.weight", "shared.weight")
# Of a config.json, what decides no hidden state and no logit, and may be what transformers stumbles at.
_NOT_COMPARED = (
    "architectures",
    "attn_implementation",
    "_attn_implementation",
    "auto_map",
    "chunk_size_feed_forward",
    "configuration_files",
    "dtype",
    "id2label",
    "label2id",
    "num_labels",
    "output_attentions",
    "output_hidden_states",
    "problem_type",
    "return_dict",
    "torch_dtype",
    "torchscript",
    "use_return_dict",
)


@dataclass(frozen=True)
class Difference:
    """The largest absolute difference between two arrays, and the largest number in them."""

    largest: float
    scale: float

    @property
    def ok(self) -> bool:
        """Whether they are equal to the tolerance of whole models (never so for NaN)."""
        return self.largest <= TOLERANCE * max(self.scale, _SMALLEST_SCALE)


@dataclass(frozen=True)
class ModelReport:
    """What is to be known about a model before it is used.

    Attributes:
        reference: what was asked for.
        directory: where its files are.
        config: the model's shape.
        fingerprint: hash of configuration and weights.
        num_parameters: numbers in the model and its head, if it has one.
        load: what became of every tensor.
        parity: by what is compared ("hidden states" and "logits"); empty where it was not.
        parity_note: what was compared, or why nothing was.
    """

    reference: str
    directory: Path
    config: AnyConfig
    fingerprint: str
    num_parameters: int
    load: LoadReport
    parity: dict[str, Difference]
    parity_note: str

    @property
    def ok(self) -> bool:
        """Whether nothing that could be compared differs."""
        return all(difference.ok for difference in self.parity.values())

    def lines(self) -> list[str]:
        """Returns the report as lines of text."""
        config, load = self.config, self.load
        lines = [
            f"model         {self.reference}",
            f"directory     {self.directory}",
            f"architecture  {config.family}: {config.num_layers} layers, width "
            f"{config.hidden_size}, {config.num_heads} heads, {config.vocab_size} words, "
            + (f"at most {config.max_length} tokens" if config.max_length else "any length"),
            f"parameters    {self.num_parameters:,}",
            f"fingerprint   {self.fingerprint}",
            f"tensors       {len(load.used)} used, {len(load.ignored)} ignored, "
            f"{len(load.initialised)} initialised",
        ]
        lines += [f"  ignored     {name}: {why}" for name, why in load.ignored]
        lines += [f"  initialised {path}: {why}" for path, why in load.initialised]
        lines += [f"  absent      {part}: {why}" for part, why in load.absent]
        lines.append(f"parity        {self.parity_note}")
        for name, difference in self.parity.items():
            verdict = "ok" if difference.ok else f"DIFFERS (tolerance {TOLERANCE:g})"
            lines.append(
                f"  {name:<13} largest difference {difference.largest:.1e} of numbers up to "
                f"{difference.scale:.3g}: {verdict}"
            )
        return lines


def check_model(ref: str, revision: str | None = None) -> ModelReport:
    """Loads a model and, where torch is installed, compares it with transformers on random input.

    Raises:
        IntertrainError: the model cannot be loaded.
    """
    model = load_model(ref, revision)
    directory = resolve_reference(ref, revision)
    parity: dict[str, Difference] = {}
    missing = [name for name in ("torch", "transformers") if not importlib.util.find_spec(name)]
    if missing:
        note = f"not compared, as {' and '.join(missing)} is not installed"
    else:
        note = f"against transformers, {_BATCH} padded rows of random tokens, float32"
        try:
            if isinstance(model, TextModel):
                parity = _text_parity(model, directory)
            else:
                parity = _parity(model, directory)
        except Exception as error:  # whatever a stranger's files make torch and transformers raise
            note = "not compared: " + reason_of(error, "transformers cannot load or compute it")
    count = sum(leaf.size for _, leaf in flatten(model.params))
    return ModelReport(
        ref, directory, model.config, model.fingerprint, count, model.report, parity, note
    )


def random_batch(
    config: AnyConfig, seed: int = 0, batch: int = _BATCH, length: int = _LENGTH
) -> dict[str, NDArray[np.int64]]:
    """Returns random token ids, their mask and, where they are read, their types [B, L].

    Rows have different lengths.

    Args:
        config: bounds the ids and the length.
        seed: of the generator.
        batch: B.
        length: of the longest row, if there are as many positions.
    """
    generator = np.random.default_rng(seed)
    length = min(length, config.max_length or length)
    shape = (batch, length)
    ids = generator.integers(0, config.vocab_size - 1, shape)
    ids += ids >= config.pad_token_id  # any token but padding
    mask = np.arange(length) < np.linspace(length, 1, batch).astype(int)[:, None]
    arrays = {
        "input_ids": np.where(mask, ids, config.pad_token_id),
        "attention_mask": mask.astype(np.int64),
    }
    if FAMILIES[config.family].token_types:
        types = np.sort(generator.integers(0, config.type_vocab_size, shape), axis=1)
        arrays["token_type_ids"] = np.where(mask, types, 0)
    return arrays


def _theirs(auto: str, directory: Path, model: Model | TextModel, **options: Any) -> Any:
    """Returns transformers' own model, of the file's configuration without what we do not read."""
    import torch

    content = {k: v for k, v in read_hf_config(directory).items() if k not in _NOT_COMPARED}
    # Which the file may leave open, or write as transformers does not want it.
    content["pad_token_id"] = model.config.pad_token_id
    content["initializer_range"] = float(model.config.initializer_range)
    theirs, info = load_auto(
        auto,
        directory,
        config={**content, **options},
        dtype=torch.float32,
        attn_implementation="eager",
        ignore_mismatched_sizes=True,
        output_loading_info=True,
    )
    if any(name.endswith(_WORDS) for name in info["missing_keys"]):
        raise IntertrainError(
            "transformers would draw the weights at random, as it does not find them under the names"
            " that this file has (such as module. before each), which are read here"
        )
    return theirs.eval()


def _parity(model: Model, directory: Path) -> dict[str, Difference]:
    """Compares an encoder with transformers, from which comes what the file lacks for logits."""
    import torch

    num_labels = model.params["head"]["out"]["bias"].shape[-1] if "head" in model.params else 2
    theirs = _theirs("AutoModelForSequenceClassification", directory, model, num_labels=num_labels)
    tensors = {name: tensor.numpy() for name, tensor in theirs.state_dict().items()}
    params, head, _ = params_from_tensors(model.config, tensors, model.reference)
    lacking = {path: params[path] for path, _ in model.report.initialised}
    if "head" not in model.params:
        lacking["head"] = head
    ours = replace(model, params={**model.params, **jax.tree.map(jnp.asarray, lacking)})

    batch = random_batch(model.config)
    with torch.no_grad():
        output = theirs(
            **{name: torch.from_numpy(array) for name, array in batch.items()},
            output_hidden_states=True,
        )
    return {
        "hidden states": _difference(ours.hidden_states(**batch), output.hidden_states[-1]),
        "logits": _difference(ours.logits(**batch), output.logits),
    }


def _text_parity(model: TextModel, directory: Path) -> dict[str, Difference]:
    """Compares a text-to-text model with transformers; of an encoder alone, that."""
    import torch

    inputs = random_batch(model.config)
    real = inputs["attention_mask"].astype(bool)
    given = {name: torch.from_numpy(array) for name, array in inputs.items()}
    encoded = np.asarray(model.encode(**inputs))
    if not model.answers:
        theirs = _theirs("AutoModelForTextEncoding", directory, model)
        with torch.no_grad():
            states = theirs(**given).last_hidden_state
        return {"hidden states": _difference(encoded[real], states[real])}
    theirs = _theirs("AutoModelForSeq2SeqLM", directory, model)
    answers = random_batch(model.config, seed=1, length=5)["input_ids"]
    answers[:, 0] = model.config.start_token_id
    with torch.no_grad():
        output = theirs(**given, decoder_input_ids=torch.from_numpy(answers))
    logits = model.logits(**inputs, decoder_input_ids=answers)
    return {
        "hidden states": _difference(encoded[real], output.encoder_last_hidden_state[real]),
        "logits": _difference(logits, output.logits),
    }


def _difference(ours: Any, theirs: Any) -> Difference:
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    return Difference(float(np.abs(ours - theirs).max()), float(np.abs(theirs).max()))
