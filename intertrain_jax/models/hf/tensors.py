"""Sorts a file's tensors into a parameter tree: each is used, ignored for a reason, or an error."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from intertrain_jax.base import IntertrainError
from intertrain_jax.models.block import Params
from intertrain_jax.models.families.family import AnyConfig
from intertrain_jax.models.families.table import FAMILIES
from intertrain_jax.models.hf.files import Tensors
from intertrain_jax.models.hf.keys import Key, KeyTable, expand

_ADAPTED = ".lora_"
# The square of a larger weight is no float32.
_LARGEST_WEIGHT = 1e18
# What wraps a model while it is trained, on several devices, compiled or for sentences, names it so.
_WRAPPERS = ("module.", "_orig_mod.", "model.", "0.auto_model.", "auto_model.")


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
        absent: (path, why) of parts that the model does without.
    """

    used: tuple[UsedTensor, ...]
    ignored: tuple[tuple[str, str], ...]
    initialised: tuple[tuple[str, str], ...]
    absent: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Wanted:
    """What is asked of a file's tensors.

    Attributes:
        texts: whether a text-to-text model must be able to answer.
        tied: whether an output that the file lacks may be the word embedding.
    """

    texts: bool = True
    tied: bool = True


def params_from_tensors(
    config: AnyConfig, tensors: Tensors, name: str, wanted: Wanted | None = None
) -> tuple[Params, Params | None, LoadReport]:
    """Sorts the tensors of a file into a parameter tree, a head if there is one, and a report.

    Args:
        config: the model's shape, which the tensors must have.
        tensors: by their names in the file.
        name: how messages call the model.
        wanted: what is asked of them; None asks for all, and allows a tied output.

    Raises:
        IntertrainError: a tensor is missing, mis-shaped, no number, or of another architecture.
    """
    family, wanted = FAMILIES[config.family], wanted or Wanted()
    table = family.keys(config)
    originals = _canonical_names(table, tensors, name)
    for copy, of in table.copies:
        if of not in originals and copy in originals:
            originals[of] = originals.pop(copy)
    body = expand(table.body, config.num_layers, config.num_decoder_layers)
    absent: list[tuple[str, str]] = []
    if not wanted.texts and not any(
        key.tensor in originals for key in body if _answers(table, key)
    ):
        absent = [
            (start.rstrip("."), "the file has none; it gives no texts") for start in table.answers
        ]
        body = [key for key in body if not _answers(table, key)]
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
            if any(_ADAPTED in original for original in tensors):
                raise IntertrainError(
                    f"Model '{name}' must be a whole model, but its file holds an adapter (LoRA) beside"
                    " or without it; merge it (peft: merge_and_unload) and save the whole."
                )
            raise IntertrainError(
                f"Model '{name}' must have the tensor '{table.prefix}{key.tensor}' of shape "
                f"{_in_file(key, shapes[key.path])}, but its file has none of that name; check "
                "that config.json and the weights belong together."
            )
        original = originals[key.tensor]
        used.append(_place(params, key, original, tensors[original], shapes[key.path], name))

    copies = _copies(table, originals, tensors, name)
    head: Params | None = None
    used_by_head: list[UsedTensor] = []
    if table.head_repeats and table.head[0].tensor in originals and not table.own_head:
        copies |= _copied_head(table, originals, tensors)
    if not any(key.tensor in originals and originals[key.tensor] in copies for key in table.head):
        head, used_by_head = _head(config, table, originals, tensors, name)
    if head is None and table.own_head and not absent:
        if wanted.tied:
            words = next(key.path for key in body if key.tensor == table.head_repeats)
            repeated = dict(flatten(params))[words]
            head = {"out": {"kernel": np.ascontiguousarray(repeated.T)}}
            why = f"the same as {originals[table.head_repeats]}, to which it is tied"
            initialised.append(("head", why))
        elif wanted.texts:
            raise IntertrainError(
                f"Model '{name}' must have the tensor '{table.head[0].tensor}', as config.json says that"
                " the output has weights of its own, but its file has none of that name; check that"
                " config.json and the weights belong together."
            )
        else:
            absent.append(("head", "the file has none; it gives no texts"))
    placed = {u.name for u in (*used, *used_by_head)} | copies.keys()
    report = LoadReport(
        (*used, *used_by_head),
        (*copies.items(), *_ignored(config, table, originals, placed, name)),
        tuple(initialised),
        tuple(absent),
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

    A text-to-text model's arrays may be those of its encoder alone.
    """
    table = FAMILIES[config.family].keys(config)
    layers = config.num_layers, config.num_decoder_layers
    arrays = dict(flatten(params))
    body = [*expand(table.body, *layers), *table.optional]
    if table.answers and not any(key.path in arrays for key in body if _answers(table, key)):
        body = [key for key in body if not _answers(table, key)]
    named = {table.prefix + key.tensor: (key, arrays[key.path]) for key in body}
    if head is not None:
        arrays = dict(flatten(head))
        named |= {key.tensor: (key, arrays[key.path]) for key in table.head}
    return {
        name: np.ascontiguousarray(np.asarray(array).T if key.transposed else np.asarray(array))
        for name, (key, array) in named.items()
    }


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
        plain = original
        while plain.startswith(_WRAPPERS):
            plain = plain.partition(".")[2]
        for prefix in (table.prefix, *table.prefixes):
            plain = plain.removeprefix(prefix)
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
    largest = float(np.abs([tree[leaf].max(initial=0), tree[leaf].min(initial=0)]).max())
    # What is infinite or no number shows in whatever is computed; this would be a zero after a norm.
    if _LARGEST_WEIGHT < largest < np.inf:
        raise IntertrainError(
            f"Model '{name}': tensor '{original}' must hold numbers whose squares are numbers, too, got"
            f" {largest:.3g}; copy the file again from where the model came from."
        )
    return UsedTensor(original, key.path, tensor.dtype.name, tuple(tensor.shape))


def _head(
    config: AnyConfig,
    table: KeyTable,
    originals: dict[str, str],
    tensors: Tensors,
    name: str,
) -> tuple[Params | None, list[UsedTensor]]:
    """Returns the head of the file, if all of it is there."""
    if not table.head or any(key.tensor not in originals for key in table.head):
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


def _copied_head(table: KeyTable, originals: dict[str, str], tensors: Tensors) -> dict[str, str]:
    """Returns name → why of a head that only repeats a tensor of the body; nothing if it is another."""
    head, of = originals[table.head[0].tensor], originals[table.head_repeats]
    equal = np.array_equal(tensors[head], tensors[of])
    return {head: f"the same as {of}"} if equal else {}


def _answers(table: KeyTable, key: Key) -> bool:
    """Whether a tensor of the body is needed only for answers in words."""
    return bool(table.answers) and key.tensor.startswith(table.answers)


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
