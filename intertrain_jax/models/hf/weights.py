"""Loads checkpoints: every tensor of a file is used, ignored for a reason, or an error."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from intertrain_jax.base import IntertrainError
from intertrain_jax.models.block import Params
from intertrain_jax.models.families.family import AnyConfig
from intertrain_jax.models.families.table import FAMILIES, family_of
from intertrain_jax.models.hf.config import read_hf_config
from intertrain_jax.models.hf.files import Tensors, open_tensors
from intertrain_jax.models.hf.keys import Key, KeyTable, expand
from intertrain_jax.models.hf.references import resolve_reference


@dataclass(frozen=True)
class UsedTensor:
    """A tensor of the file (its name, dtype and shape there) and the array that it became."""

    name: str
    path: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class LoadReport:
    """What became of every tensor.

    Attributes:
        used: tensors that are part of the model or of its head.
        ignored: (name, why) of all other tensors of the file.
        initialised: (path, why) of arrays that the file lacks.
    """

    used: tuple[UsedTensor, ...]
    ignored: tuple[tuple[str, str], ...]
    initialised: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Checkpoint:
    """A base model, as loaded.

    Attributes:
        config: the encoder's shape.
        params: nested dict of float32 arrays, without a head.
        head: the head that the file had, if any.
        report: what became of every tensor.
        fingerprint: hash of the configuration, of `params` and of `head`; the same for the same
            weights wherever and in whatever format they lie.
        directory: where the files are.
        hf_config: content of config.json.
    """

    config: AnyConfig
    params: Params
    head: Params | None
    report: LoadReport
    fingerprint: str
    directory: Path
    hf_config: dict[str, Any]


def load_checkpoint(ref: str, revision: str | None = None) -> Checkpoint:
    """Loads a base model from a reference (see `resolve_reference`).

    Raises:
        IntertrainError: it is not there, not supported, or its tensors do not fit its config.json.
    """
    directory = resolve_reference(ref, revision)
    return load_weights(directory, ref, *read_config(directory, ref))


def read_config(directory: Path, name: str) -> tuple[AnyConfig, dict[str, Any]]:
    """Returns a model's shape, and the content of its config.json.

    Args:
        directory: of the model.
        name: how messages call it.

    Raises:
        IntertrainError: it has no valid config.json of a supported architecture.
    """
    hf_config = read_hf_config(directory)
    return family_of(hf_config, name).config(hf_config, name), hf_config


def load_weights(
    directory: Path, name: str, config: AnyConfig, hf_config: dict[str, Any]
) -> Checkpoint:
    """Loads a base model from its directory, whose configuration `read_config` gave.

    Raises:
        IntertrainError: its tensors do not fit its config.json.
    """
    params, head, report = params_from_tensors(config, open_tensors(directory), name)
    fingerprint = fingerprint_of(config, params, head)
    return Checkpoint(config, params, head, report, fingerprint, directory, hf_config)


def params_from_tensors(
    config: AnyConfig, tensors: Tensors, name: str
) -> tuple[Params, Params | None, LoadReport]:
    """Sorts the tensors of a file into a parameter tree, a head if there is one, and a report.

    Args:
        config: the model's shape, which the tensors must have.
        tensors: by their names in the file.
        name: how messages call the model.

    Raises:
        IntertrainError: a tensor is missing, mis-shaped, no number, or of another architecture.
    """
    family = FAMILIES[config.family]
    table = family.keys(config)
    originals = _canonical_names(table, tensors, name)
    body = expand(table.body, config.num_layers, config.num_decoder_layers)
    initialised: list[tuple[str, str]] = []
    params: Params = {}
    if any(key.tensor in originals for key in table.optional):
        body += table.optional
    else:
        params |= family.fill(config)
        initialised += [(name, "the file has none; drawn from a fixed seed") for name in params]

    shapes = {path: leaf.shape for path, leaf in flatten(family.shapes(config, None))}
    used = []
    for key in body:
        if key.tensor not in originals:
            raise IntertrainError(
                f"Model '{name}' must have the tensor '{table.prefix}{key.tensor}' of shape "
                f"{_in_file(key, shapes[key.path])}, but its file has none of that name; check "
                "that config.json and the weights belong together."
            )
        original = originals[key.tensor]
        used.append(_place(params, key, original, tensors[original], shapes[key.path], name))

    head, used_by_head = _head(config, table, originals, tensors, name)
    copies = _copies(table, originals, tensors, name)
    placed = {u.name for u in (*used, *used_by_head)} | copies.keys()
    report = LoadReport(
        (*used, *used_by_head),
        (*copies.items(), *_ignored(config, table, originals, placed, name)),
        tuple(initialised),
    )
    return params, head, report


def tensors_from_params(
    config: AnyConfig, params: Params, head: Params | None
) -> dict[str, NDArray[Any]]:
    """Returns the tensors of a Hugging Face file: the inverse of `params_from_tensors`.

    Args:
        config: the encoder's shape.
        params: the encoder's arrays, or anything of the same tree, such as gradients.
        head: the head's arrays, if any.

    Raises:
        IntertrainError: the architecture has no place for a head.
    """
    table = FAMILIES[config.family].keys(config)
    if head is not None and not table.head:
        raise IntertrainError(
            f"A {config.family} model whose output is tied to its words has no head of its own in a"
            " file, but one was given; write it without, or as an untied model."
        )
    layers = config.num_layers, config.num_decoder_layers
    arrays = dict(flatten(params))
    named = {
        table.prefix + key.tensor: (key, arrays[key.path])
        for key in (*expand(table.body, *layers), *table.optional)
    }
    if head is not None:
        arrays = dict(flatten(head))
        named |= {key.tensor: (key, arrays[key.path]) for key in table.head}
    return {
        name: np.ascontiguousarray(np.asarray(array).T if key.transposed else np.asarray(array))
        for name, (key, array) in named.items()
    }


def fingerprint_of(config: AnyConfig, params: Params, head: Params | None) -> str:
    """Returns the sha256 of all that decides what a model computes."""
    digest = hashlib.sha256(json.dumps(asdict(config), sort_keys=True).encode())
    for path, array in sorted(flatten({**params, "head": head or {}})):
        array = np.ascontiguousarray(array, "<f4")
        digest.update(f"{path} {array.shape}".encode())
        digest.update(array.data)
    return digest.hexdigest()


def flatten(tree: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yields (slash-separated path, leaf) of a nested dict."""
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from ((f"{key}/{path}", leaf) for path, leaf in flatten(value))
        else:
            yield key, value


def _canonical_names(table: KeyTable, tensors: Tensors, name: str) -> dict[str, str]:
    """Maps names without prefix and in today's spelling to those of the file."""
    originals: dict[str, str] = {}
    for original in tensors:
        plain = original.removeprefix(table.prefix)
        # Files converted from TensorFlow call a norm's scale gamma and its bias beta.
        plain = plain.replace("LayerNorm.gamma", "LayerNorm.weight")
        plain = plain.replace("LayerNorm.beta", "LayerNorm.bias")
        if plain in originals:
            raise IntertrainError(
                f"Model '{name}' must have one tensor for each name, but '{originals[plain]}' and "
                f"'{original}' are the same one; remove one of them."
            )
        originals[plain] = original
    return originals


def _in_file(key: Key, shape: tuple[int, ...]) -> list[int]:
    return list(reversed(shape)) if key.transposed else list(shape)


def _place(
    tree: Params,
    key: Key,
    original: str,
    tensor: NDArray[Any],
    shape: tuple[int, ...],
    name: str,
) -> UsedTensor:
    """Writes a tensor, checked and as float32, into its place in the tree."""
    expected = _in_file(key, shape)
    if list(tensor.shape) != expected:
        raise IntertrainError(
            f"Model '{name}': tensor '{original}' must have the shape {expected} according to "
            f"config.json, got {list(tensor.shape)}; check that both belong together."
        )
    if tensor.dtype.kind != "f" and tensor.dtype.name != "bfloat16":
        raise IntertrainError(
            f"Model '{name}': tensor '{original}' must hold floating-point numbers, got "
            f"{tensor.dtype.name}; use a copy of the model that is not quantised."
        )
    *parents, leaf = key.path.split("/")
    for parent in parents:
        tree = tree.setdefault(parent, {})
    array = tensor.T if key.transposed else tensor
    tree[leaf] = np.ascontiguousarray(array, np.float32)
    return UsedTensor(original, key.path, tensor.dtype.name, tuple(tensor.shape))


def _head(
    config: AnyConfig,
    table: KeyTable,
    originals: dict[str, str],
    tensors: Tensors,
    name: str,
) -> tuple[Params | None, list[UsedTensor]]:
    """Returns the head of the file, if all of it is there."""
    absent = [key.tensor for key in table.head if key.tensor not in originals]
    if absent and table.head_because:
        raise IntertrainError(
            f"Model '{name}' must have the tensor '{absent[0]}', {table.head_because}, but its file "
            "has none of that name; check that config.json and the weights belong together."
        )
    if absent or not table.head:
        return None, []
    found = {key.path: tensors[originals[key.tensor]] for key in table.head}
    num_outputs = len(found[table.head[-1].path])  # the output layer's bias, or kernel without one
    shapes = FAMILIES[config.family].shapes(config, num_outputs)["head"]
    expected = {path: leaf.shape for path, leaf in flatten(shapes)}
    head: Params = {}
    used = []
    for key in table.head:
        placed = _place(head, key, originals[key.tensor], found[key.path], expected[key.path], name)
        used.append(UsedTensor(placed.name, f"head/{key.path}", placed.dtype, placed.shape))
    return head, used


def _copies(
    table: KeyTable, originals: dict[str, str], tensors: Tensors, name: str
) -> dict[str, str]:
    """Returns name → why of tensors that only repeat another one, checked that they do."""
    found = {}
    for copy, of in table.copies:
        if copy not in originals:
            continue
        if not np.array_equal(tensors[originals[copy]], tensors[originals[of]]):
            raise IntertrainError(
                f"Model '{name}': tensor '{originals[copy]}' must equal '{originals[of]}', of which "
                "it is a copy in this architecture, but it does not; choose another model."
            )
        found[originals[copy]] = f"the same as {originals[of]}"
    return found


def _ignored(
    config: AnyConfig, table: KeyTable, originals: dict[str, str], used: set[str], name: str
) -> Iterator[tuple[str, str]]:
    """Yields (name, why) of the tensors that are not used, unless they would change the encoder."""
    for plain, original in originals.items():
        if original in used:
            continue
        reasons = [why for start, why in table.ignored if plain.startswith(start)]
        if reasons:
            yield original, reasons[0]
        elif plain.startswith(table.roots):
            raise IntertrainError(
                f"Model '{name}': tensor '{original}' is no part of a {config.family} model of "
                f"{config.num_layers} layers; check that config.json and the weights belong "
                "together, or choose a model without added modules."
            )
        else:
            yield original, "the head of another task, or no part of the encoder"
