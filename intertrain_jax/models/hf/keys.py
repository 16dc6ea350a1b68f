"""Which tensor of a Hugging Face file is which array of a parameter tree: the tables of families."""

from __future__ import annotations

from dataclasses import dataclass

LAYER = "{layer}"
DECODER_LAYER = "{decoder_layer}"


@dataclass(frozen=True)
class Key:
    """One tensor and the array that it becomes.

    Attributes:
        tensor: name in the file, without the model's prefix; `{layer}` stands for every layer,
            `{decoder_layer}` for every one of a decoder.
        path: slash-separated path in the parameter tree.
        transposed: torch keeps [outputs, inputs], we keep [inputs, outputs].
    """

    tensor: str
    path: str
    transposed: bool = False


@dataclass(frozen=True)
class KeyTable:
    """All names of a family.

    Attributes:
        prefix: what stands before the body's names in files of models with a head.
        roots: beginnings of the body's names; whatever else is there must be known.
        body: the encoder's tensors.
        head: the head, which a file may have; under no prefix.
        ignored: (beginning of a name, why its tensor is not used).
        optional: tensors that a file may lack all together, to be initialised then.
        own_head: whether the head is one of its own even where it repeats `head_repeats`.
        head_repeats: the body's tensor that the head is where the file has none, or has it twice.
        answers: beginnings of those of the body's names that only answers in words need.
        copies: (name, name of the tensor that it must equal) where a file may hold one twice. The first
            that is there stands for that tensor where the file lacks it.
        prefixes: further beginnings, which other classes of the architecture give to all names.
    """

    prefix: str
    roots: tuple[str, ...]
    body: tuple[Key, ...]
    head: tuple[Key, ...]
    ignored: tuple[tuple[str, str], ...]
    optional: tuple[Key, ...] = ()
    own_head: bool = False
    head_repeats: str = ""
    answers: tuple[str, ...] = ()
    copies: tuple[tuple[str, str], ...] = ()
    prefixes: tuple[str, ...] = ()


def expand(keys: tuple[Key, ...], num_layers: int, num_decoder_layers: int = 0) -> list[Key]:
    """Returns the keys with `{layer}` and `{decoder_layer}` replaced by every layer's number."""
    counts = {LAYER: num_layers, DECODER_LAYER: num_decoder_layers}
    expanded = []
    for key in keys:
        placeholder = next((name for name in counts if name in key.tensor), None)
        for i in range(counts[placeholder] if placeholder else 1):
            tensor, path = key.tensor, key.path
            if placeholder:
                tensor, path = (
                    tensor.replace(placeholder, str(i)),
                    path.replace(placeholder, str(i)),
                )
            expanded.append(Key(tensor, path, key.transposed))
    return expanded


def linear(tensor: str, path: str) -> tuple[Key, ...]:
    """Returns the keys of a linear map and its bias."""
    return (
        Key(f"{tensor}.weight", f"{path}/kernel", transposed=True),
        Key(f"{tensor}.bias", f"{path}/bias"),
    )


def norm(tensor: str, path: str) -> tuple[Key, ...]:
    """Returns the keys of a layer norm: its scale and its bias."""
    return Key(f"{tensor}.weight", f"{path}/scale"), Key(f"{tensor}.bias", f"{path}/bias")


def matrix(tensor: str, path: str) -> Key:
    """Returns the key of a linear map without a bias."""
    return Key(f"{tensor}.weight", f"{path}/kernel", transposed=True)
