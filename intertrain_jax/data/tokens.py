"""Finds out which tokenizers give the same tokens, and tokenises tasks once for those that do."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from intertrain_jax.config.protocol import Protocol
from intertrain_jax.data.encoded import SPLITS, EncodedSplit, EncodedTask
from intertrain_jax.data.load import Rows, TaskData, encode_task
from intertrain_jax.data.text import tokenizer_fingerprint, vocabulary_fingerprint

# Examples of every split, over all tasks, on which tokenizers are compared; of a task at least the
# second number.
_COMPARED, _COMPARED_PER_TASK = 200, 10


class Tokenisations:
    """Tasks in the tokens of one tokenizer or of several.

    Tokenizers agree where they have the same words and give the same tokens for examples spread over
    every split of every task: files of equal tokenizers often differ. Those that agree share an id,
    and with it one tokenisation.

    Args:
        data: examples by task.
        protocol: lengths, and how text-to-text models read and answer.
        cache_dir: root of the caches; None for the default.
    """

    def __init__(
        self, data: Mapping[str, TaskData], protocol: Protocol, cache_dir: str | None
    ) -> None:
        self._data, self._protocol, self._cache_dir = data, protocol, cache_dir
        self._samples = [_sample(task, len(data)) for task in data.values()]
        self._ids: dict[str, str] = {}
        self._directories: dict[str, Path] = {}
        self._largest: dict[str, int] = {}

    def id_of(self, directory: Path) -> str:
        """Returns the id of the tokens that a directory's tokenizer gives.

        Raises:
            IntertrainError: it has none, or its tokenizer cannot be loaded.
        """
        fingerprint = tokenizer_fingerprint(directory)
        if fingerprint not in self._ids:
            digest = hashlib.sha256(vocabulary_fingerprint(directory).encode())
            for sample in self._samples:
                encoded = self._encode(sample, directory, cached=False)
                for split in SPLITS:
                    _update(digest, getattr(encoded, split))
                digest.update(repr(encoded.answers).encode())
            self._ids[fingerprint] = digest.hexdigest()[:16]
            self._directories.setdefault(self._ids[fingerprint], directory)
        return self._ids[fingerprint]

    def task(self, tokens: str, name: str) -> EncodedTask:
        """Returns a task in the tokens of an id that `id_of` has given."""
        return self._encode(self._data[name], self._directories[tokens])

    def largest(self, tokens: str) -> int:
        """Returns the largest token of any example or answer: a model must have more words."""
        if tokens not in self._largest:
            tasks = [self.task(tokens, name) for name in self._data]
            self._largest[tokens] = max(
                *(int(np.max(getattr(t, s).tokens, initial=0)) for t in tasks for s in SPLITS),
                *(token for task in tasks for answer in task.answers for token in answer),
            )
        return self._largest[tokens]

    def _encode(self, data: TaskData, directory: Path, cached: bool = True) -> EncodedTask:
        protocol = self._protocol
        return encode_task(
            data, directory, protocol.max_length, self._cache_dir, protocol.text, cached
        )


def _sample(data: TaskData, tasks: int) -> TaskData:
    """Returns a task with some of its examples, spread over every split."""
    wanted = max(_COMPARED_PER_TASK, _COMPARED // tasks)
    splits = {}
    for name, rows in data.splits.items():
        step = max(1, len(rows) // wanted)
        splits[name] = Rows(rows.texts[::step], rows.labels[::step])
    return replace(data, splits=splits)


def _update(digest: hashlib._Hash, split: EncodedSplit) -> None:
    for array in (split.tokens, split.offsets, split.boundaries):
        digest.update(np.ascontiguousarray(array, np.int64).tobytes())
