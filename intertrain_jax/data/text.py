"""Tokenises texts once, and keeps the tokens in a cache that is addressed by content."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from intertrain_jax.auto import load_auto, panics_are_errors
from intertrain_jax.base import IntertrainError, lfs_pointer, reason_of
from intertrain_jax.config.formats import read_json
from intertrain_jax.data.encoded import EncodedSplit

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "sentencepiece.bpe.model",
    "spiece.model",
    "added_tokens.json",
)
_ARRAYS = ("tokens", "offsets", "boundaries", "labels")
_BATCH = 2000
# What is cached is asked for under this number: a change of how texts become tokens makes it void.
_FORMAT = 2
# A tokenizer that was told no length claims one like 1e30.
_NO_LIMIT = 1 << 20
# So many examples, and tokens of them, say whether a tokenizer knows their words.
_ENOUGH_EXAMPLES, _SOME_TOKENS = 20, 100_000
# A tokenizer takes about ten mebibytes, a fingerprint next to nothing.
_TOKENIZERS_HELD, _FINGERPRINTS_HELD = 2, 4096

# Name, time of change and size of every file of a tokenizer.
_Files = tuple[tuple[str, int, int], ...]


def has_tokenizer(directory: Path) -> bool:
    """Whether a model directory holds a tokenizer: more than settings of one."""
    files = ("tokenizer.json", "vocab.txt", "vocab.json", "sentencepiece.bpe.model", "spiece.model")
    return any((directory / name).is_file() for name in files)


def vocabulary_fingerprint(directory: Path) -> str:
    """Returns a hash of a tokenizer's words and their ids."""
    return _vocabulary_fingerprint(directory, _files(directory))


def tokenizer_fingerprint(directory: Path) -> str:
    """Returns a hash of the tokenizer's files.

    Raises:
        IntertrainError: if the directory has none.
    """
    return _tokenizer_fingerprint(directory, _files(directory))


def _files(directory: Path) -> _Files:
    """Returns the files of a tokenizer as they are now: what is kept of it is kept under these."""
    found = []
    for name in TOKENIZER_FILES:
        if (directory / name).is_file():
            stat = (directory / name).stat()
            found.append((name, stat.st_mtime_ns, stat.st_size))
    if not found:
        raise IntertrainError(
            f"model directory {str(directory)!r} has no tokenizer (such as tokenizer.json). Add the"
            " tokenizer's files."
        )
    return tuple(found)


@lru_cache(_FINGERPRINTS_HELD)
def _vocabulary_fingerprint(directory: Path, files: _Files) -> str:
    with panics_are_errors():
        words = sorted(_held_tokenizer(directory, files).get_vocab().items())
    return hashlib.sha256(json.dumps(words).encode()).hexdigest()[:16]


@lru_cache(_FINGERPRINTS_HELD)
def _tokenizer_fingerprint(directory: Path, files: _Files) -> str:
    digest = hashlib.sha256()
    for name, _, _ in files:
        digest.update(name.encode())
        digest.update((directory / name).read_bytes())
    return digest.hexdigest()[:16]


def encode_rows(
    texts: Sequence[tuple[str, ...]],
    labels: Sequence[float],
    regression: bool,
    tokenizer: Path,
    max_length: int,
    cache_dir: Path | None,
) -> EncodedSplit:
    """Tokenises the examples of a split, or reads their tokens from the cache.

    Args:
        texts: one or two texts per example.
        labels: class ids or regression targets.
        regression: whether labels are kept as float32.
        tokenizer: directory with the tokenizer's files.
        max_length: longer inputs lose tokens of their longest text first.
        cache_dir: folder of cached splits, one folder each; None for no cache.
    """

    def tokenise() -> dict[str, NDArray[Any]]:
        tokens, offsets, boundaries = _tokenise(texts, _tokenizer(tokenizer), max_length)
        kind = np.float32 if regression else np.int32
        found = {"tokens": tokens, "offsets": offsets, "boundaries": boundaries}
        return {**found, "labels": np.asarray(labels, kind)}

    if cache_dir is None:
        return EncodedSplit(**tokenise())
    digest = hashlib.sha256(
        json.dumps([_FORMAT, tokenizer_fingerprint(tokenizer), max_length, regression]).encode()
    )
    for example, label in zip(texts, labels, strict=True):
        digest.update(json.dumps([example, float(label)]).encode())
    folder = cache_dir / digest.hexdigest()[:24]
    cached = _read(folder)
    if cached is not None and len(cached) == len(labels):
        return cached
    arrays = tokenise()
    _write(folder, arrays)
    return _read(folder) or EncodedSplit(**arrays)


def longest_input(tokenizer: Path) -> int | None:
    """Returns how many tokens a tokenizer says that its model reads; None where it says nothing."""
    most = int(_tokenizer(tokenizer).model_max_length)
    return most if most < _NO_LIMIT else None


def encode_texts(texts: Sequence[str], tokenizer: Path) -> tuple[tuple[int, ...], ...]:
    """Returns the token ids of short texts, special tokens included."""
    held = _tokenizer(tokenizer)
    with panics_are_errors():
        ids = held(list(texts), return_attention_mask=False)["input_ids"]
    return tuple(tuple(map(int, text)) for text in ids)


def token_counts(texts: Sequence[tuple[str, ...]], tokenizer: Path) -> tuple[list[int], list[int]]:
    """Returns [N] how many tokens examples have, uncut, and how many of them stand for unknown words.

    Args:
        texts: one or two texts per example.
        tokenizer: directory with the tokenizer's files.
    """
    if not texts:
        return [], []
    held = _tokenizer(tokenizer)
    with panics_are_errors():
        pairs = [example[1] for example in texts] if len(texts[0]) == 2 else None
        firsts = [example[0] for example in texts]
        ids = held(firsts, pairs, return_attention_mask=False, verbose=False)["input_ids"]
    unknown = held.unk_token_id
    return [len(tokens) for tokens in ids], [list(tokens).count(unknown) for tokens in ids]


def _tokenizer(directory: Path) -> Any:
    return _held_tokenizer(directory, _files(directory))


@lru_cache(_TOKENIZERS_HELD)
def _held_tokenizer(directory: Path, files: _Files) -> Any:
    try:
        return _loaded_tokenizer(directory)
    except Exception as error:  # whatever a stranger's files make the libraries raise
        # Whatever they say of such a file, this is the reason.
        pointer = next((name for name, _, _ in files if lfs_pointer(directory / name)), None)
        if pointer is not None:
            raise IntertrainError(
                f"tokenizer file {str(directory / pointer)!r} is a pointer of Git LFS and not the file;"
                " run: git lfs pull, in the repository that it is of."
            ) from error
        if isinstance(error, IntertrainError):
            raise IntertrainError(f"the tokenizer in {error}") from error
        what = f"the tokenizer in {str(directory)!r} cannot be loaded"
        raise IntertrainError(f"{reason_of(error, what)}. Mend or replace its files.") from error


def _loaded_tokenizer(directory: Path) -> Any:
    """Loads a tokenizer; a config.json that transformers stumbles at may be no matter of it."""
    try:
        return load_auto("AutoTokenizer", directory)
    except IntertrainError:
        raise
    except Exception:
        with suppress(Exception):  # else it was the tokenizer
            kind = read_json(directory / "config.json")["model_type"]
            return load_auto("AutoTokenizer", directory, config={"model_type": kind})
        raise


def _tokenise(
    texts: Sequence[tuple[str, ...]], tokenizer: Any, max_length: int
) -> tuple[NDArray[Any], NDArray[np.int64], NDArray[np.int32]]:
    ids: list[list[int]] = []
    boundaries: list[int] = []
    # A tokenizer that declares no types is one whose model was never shown any.
    typed = "token_type_ids" in tokenizer.model_input_names
    for first in range(0, len(texts), _BATCH):
        batch = texts[first : first + _BATCH]
        pairs = [example[1] for example in batch] if len(batch[0]) == 2 else None
        with panics_are_errors():
            encoded = tokenizer(
                [example[0] for example in batch],
                pairs,
                truncation="longest_first",
                max_length=max_length,
                return_token_type_ids=typed,
                return_attention_mask=False,
            )
        ids += encoded["input_ids"]
        if typed:
            boundaries += [len(types) - sum(types) for types in encoded["token_type_ids"]]
        else:
            boundaries += map(len, encoded["input_ids"])
    offsets = np.zeros(len(ids) + 1, np.int64)
    np.cumsum([len(example) for example in ids], out=offsets[1:])
    flat = np.fromiter((token for example in ids for token in example), np.int64, offsets[-1])
    if len(ids) >= _ENOUGH_EXAMPLES:
        _check_knows_words(flat[:_SOME_TOKENS], tokenizer)
    # There are tokenizers that give ids beyond the number of their words.
    words = max(len(tokenizer), int(flat.max(initial=0)) + 1)
    small = words <= np.iinfo(np.uint16).max + 1
    tokens = flat.astype(np.uint16 if small else np.int32)
    return tokens, offsets, np.asarray(boundaries, np.int32)


def _check_knows_words(tokens: NDArray[np.int64], tokenizer: Any) -> None:
    """Checks that some word is known: a tokenizer may be loaded without its vocabulary."""
    known = ~np.isin(tokens, tokenizer.all_special_ids)  # of which the unknown word is one
    if not known.any() and np.any(tokens == tokenizer.unk_token_id):
        raise IntertrainError(
            f"the tokenizer in {str(tokenizer.name_or_path)!r} knows no word of the texts: all are its"
            f" {tokenizer.unk_token!r}. Add the file with its vocabulary, or take a model of the texts'"
            " language."
        )


def _write(folder: Path, arrays: dict[str, NDArray[Any]]) -> None:
    """Writes a cache entry beside its place, then renames it there; a lost race is no loss."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=".tmp-", dir=folder.parent))
        for name, array in arrays.items():
            np.save(beside / f"{name}.npy", array)
        (beside / "whole").write_text("")
        shutil.rmtree(folder, ignore_errors=True)
        beside.rename(folder)
    except OSError:
        return  # a cache that cannot be written is no reason to stop


def _read(folder: Path) -> EncodedSplit | None:
    """Reads a cache entry, memory-mapped; one that does not fit together counts as none."""
    if not (folder / "whole").is_file():
        return None
    try:
        arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in _ARRAYS}
    except (OSError, ValueError, EOFError):
        return None
    split = EncodedSplit(**arrays)
    fits = len(split.offsets) == len(split.labels) + 1 == len(split.boundaries) + 1 and int(
        split.offsets[-1]
    ) == len(split.tokens)
    return split if fits else None
