"""Weights of base models in the host's memory: a few are held, and the next ones are loaded ahead."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import jax

from intertrain_jax.base import IntertrainError, content_hash, reason_of
from intertrain_jax.config.refs import ModelRef
from intertrain_jax.models.families.family import AnyConfig
from intertrain_jax.models.fits import with_words
from intertrain_jax.models.hf.references import resolve_reference
from intertrain_jax.models.hf.weights import Checkpoint, load_weights, read_config

# Weights are held up to this many bytes and models, and at least those of one model; beside them are
# those that are loaded ahead.
HELD_BYTES, HELD_MODELS = 2 << 30, 8
_AHEAD = 2


@dataclass(frozen=True)
class BaseModel:
    """What is known of a base model that can be used; its weights are not held.

    Attributes:
        ref: as the grid names it.
        directory: where its files are.
        commit: of a hub model.
        config: its shape and dropout rates.
        fingerprint: hash of its weights.
        tokenizer: hash of the files of the tokenizer that it reads: its own, or the pretrained
            model's where it has none.
        tokens: id of the tokens that it reads; equal where tokenizers agree (see `Tokenisations`).
    """

    ref: ModelRef
    directory: Path
    commit: str | None
    config: AnyConfig
    fingerprint: str
    tokenizer: str
    tokens: str

    @property
    def identity(self) -> str:
        """Hash of weights and tokenizer: both decide scores."""
        return content_hash([self.fingerprint, self.tokenizer])


class HeldModels:
    """The base models that are in memory.

    Methods are for one thread; loading happens in another one.

    Args:
        texts: whether all of a text-to-text model is used, not its encoder alone.
        held_bytes: how much of the weights to hold.
    """

    def __init__(self, texts: bool, held_bytes: int = HELD_BYTES) -> None:
        self._texts, self._held_bytes = texts, held_bytes
        self._held: OrderedDict[ModelRef, Checkpoint] = OrderedDict()
        self._ahead: dict[ModelRef, Future[Checkpoint]] = {}
        self._pool: ThreadPoolExecutor | None = None

    def load(self, model: BaseModel, words: int) -> Checkpoint:
        """Returns a base model's weights: those held or loaded ahead, or else loaded now.

        Args:
            model: that has been looked at.
            words: of the pretrained model, whose lanes it shares.

        Raises:
            IntertrainError: it cannot be used, or is no longer what it was when it was looked at.
        """
        ref = model.ref
        if ref not in self._held:
            future = self._ahead.pop(ref, None) or self._submit(model, words)
            self._hold(ref, future.result())
        self._held.move_to_end(ref)
        return self._held[ref]

    def expect(self, models: Iterable[BaseModel], words: int) -> None:
        """Begins to load base models in the background, a few of those that are to be loaded next.

        Args:
            models: in the order in which their runs are expected to start.
            words: as of `load`.
        """
        for ref, future in list(self._ahead.items()):
            if future.done():
                del self._ahead[ref]
                if future.exception() is None:  # else its runs will say so
                    self._hold(ref, future.result())
        for model in models:
            if len(self._ahead) == _AHEAD:
                return
            if model.ref not in self._held and model.ref not in self._ahead:
                self._ahead[model.ref] = self._submit(model, words)

    def close(self) -> None:
        """Lets all weights go and ends the thread."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        self._pool = None
        self._ahead.clear()
        self._held.clear()

    def _submit(self, model: BaseModel, words: int) -> Future[Checkpoint]:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, "load")
        return self._pool.submit(_read, model, words, self._texts)

    def _hold(self, ref: ModelRef, checkpoint: Checkpoint) -> None:
        self._held[ref] = checkpoint
        while len(self._held) > 1 and (
            len(self._held) > HELD_MODELS or sum(map(_size, self._held.values())) > self._held_bytes
        ):
            self._held.popitem(last=False)


def _read(model: BaseModel, words: int, texts: bool) -> Checkpoint:
    """Loads a model that has been looked at, with so many words: it reads no others."""
    name, directory = model.ref.label, model.directory
    try:
        if not directory.is_dir():  # it was looked at on another machine
            directory = resolve_reference(model.ref.reference, model.ref.at)
        config, hf_config = read_config(directory, name)
        checkpoint = load_weights(directory, name, config, hf_config, texts)
    except Exception as error:  # whatever a stranger's files make the libraries raise
        raise IntertrainError(reason_of(error, "It can no longer be loaded")) from error
    if checkpoint.fingerprint != model.fingerprint:
        raise IntertrainError(
            f"Model '{name}' must stay the same while a grid runs, but its files have changed;"
            " restore them, or give the model another directory."
        )
    if config.vocab_size == words:
        return checkpoint
    return replace(checkpoint, params=with_words(checkpoint.params, words))


def _size(checkpoint: Checkpoint) -> int:
    return sum(x.nbytes for x in jax.tree.leaves((checkpoint.params, checkpoint.head)))
