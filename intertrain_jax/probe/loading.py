"""Loads one model after another for a ranking, and finds out whose tokens each of them reads."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from jax.sharding import Mesh

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.protocol import Protocol
from intertrain_jax.config.refs import ModelRef
from intertrain_jax.data.encoded import SPLITS, EncodedTask
from intertrain_jax.data.load import Rows, TaskData, encode_task
from intertrain_jax.data.text import has_tokenizer, tokenizer_fingerprint, vocabulary_fingerprint
from intertrain_jax.models.families.family import AnyConfig
from intertrain_jax.models.families.table import FAMILIES, architecture_hash
from intertrain_jax.models.hf.references import is_local, resolve_reference, resolved_revision
from intertrain_jax.models.hf.weights import Checkpoint, load_weights, read_config
from intertrain_jax.probe.features import PackedTask, pack_task

# Examples of every split on which tokenizers are compared.
_COMPARED = 100
# Models that are loaded while one is computed.
_AHEAD = 2


@dataclass(frozen=True)
class Loaded:
    """A model that is ready for its forward pass.

    Attributes:
        ref: as the list names it.
        checkpoint: weights, config and head.
        task: packed with the tokens of its tokenizer.
        revision: commit of a hub model.
        tokenizer: hash of its tokenizer's words; where it has none, whose it reads.
        seconds: that loading took, in the background.
    """

    ref: ModelRef
    checkpoint: Checkpoint
    task: PackedTask
    revision: str | None
    tokenizer: str
    seconds: float


@dataclass(frozen=True)
class NotLoaded:
    """A model that cannot be probed.

    Attributes:
        ref: as the list names it.
        reason: why, one line.
    """

    ref: ModelRef
    reason: str


@dataclass(frozen=True)
class _Tokens:
    """A task as one tokenizer reads it."""

    directory: Path
    sample: EncodedTask
    whole: PackedTask


class ModelLoader:
    """Loads models of one architecture and tokenises the task once for every kind of tokenizer.

    Args:
        data: the task's examples.
        protocol: lengths and subset.
        mesh: devices.
        cache_dir: of tokenised data.
        downloads: where models off the hub go, to be deleted after use; None keeps them in the hub
            client's cache.
        architecture: hash of the shape that models must have; None takes the first model's.
        fallback: model whose tokenizer those read that have none.
    """

    def __init__(
        self,
        data: TaskData,
        protocol: Protocol,
        mesh: Mesh,
        cache_dir: str | None,
        downloads: Path | None,
        architecture: str | None,
        fallback: ModelRef | None,
    ) -> None:
        self._data, self._protocol, self._mesh = data, protocol, mesh
        self._cache_dir, self._downloads = cache_dir, downloads
        self._architecture, self._fallback = architecture, fallback
        self._shape: AnyConfig | None = None
        self._tokens: list[_Tokens] = []
        self._ahead: dict[ModelRef, Loaded | NotLoaded] = {}
        self._sample = replace(
            data, splits={name: _every_few(rows) for name, rows in data.splits.items()}
        )

    def stream(self, refs: Sequence[ModelRef]) -> Iterator[Loaded | NotLoaded]:
        """Yields every model in the order given, the next ones being loaded in the background."""
        with ThreadPoolExecutor(1, "load") as pool:
            waiting: list[Future[Loaded | NotLoaded]] = []
            for ref in refs:
                waiting.append(pool.submit(self.load, ref))
                if len(waiting) > _AHEAD:
                    yield waiting.pop(0).result()
            for future in waiting:
                yield future.result()

    def require(self, ref: ModelRef) -> None:
        """Loads a model now, for `stream` to yield, as the ranking makes no sense without it.

        Raises:
            IntertrainError: it cannot be probed.
        """
        found = self.load(ref)
        if isinstance(found, NotLoaded):
            raise IntertrainError(found.reason)
        self._ahead[ref] = found

    def load(self, ref: ModelRef) -> Loaded | NotLoaded:
        """Loads a model, or says why it cannot be probed."""
        began = time.monotonic()
        if ref in self._ahead:
            return self._ahead.pop(ref)
        try:
            directory = resolve_reference(ref.reference, ref.at, self._downloads)
            config, hf_config = read_config(directory, ref.label)
            self._check(config, ref.label)
            checkpoint = load_weights(directory, ref.label, config, hf_config)
            task, tokenizer = self._tokens_for(directory, config, ref.label)
        except IntertrainError as error:
            return NotLoaded(ref, str(error))
        except Exception as error:  # whatever a stranger's files make the libraries raise
            words = " ".join(str(error).split())[:300]
            return NotLoaded(ref, f"It cannot be loaded: {type(error).__name__}: {words}")
        if self._shape is None:
            self._shape = config.shape
        revision = resolved_revision(directory)
        seconds = time.monotonic() - began
        return Loaded(ref, checkpoint, task, revision, tokenizer, seconds)

    def forget(self, ref: ModelRef) -> None:
        """Deletes what was downloaded of a model, if downloads are not kept."""
        if self._downloads is not None and not is_local(ref.reference):
            folder = "models--" + ref.reference.replace("/", "--")
            shutil.rmtree(self._downloads / folder, ignore_errors=True)

    def _check(self, config: AnyConfig, name: str) -> None:
        """Checks that a model has the ranking's architecture, and that the protocol fits it."""
        text = self._protocol.text
        text_to_text = FAMILIES[config.family].text_to_text
        expected = "classify" if text_to_text else None
        if (text.decision if text else None) != expected:
            raise IntertrainError(
                "config key 'protocol.text.decision' must be 'classify' to rank text-to-text models, by"
                " a head on what their encoder gives, and 'protocol.text' must not be set for others,"
                f" but model '{name}' is of family {config.family}."
                + (
                    " Give --set protocol.text.decision=classify."
                    if text_to_text
                    else " Remove it."
                )
            )
        if self._shape is not None and config.shape != self._shape:
            ours, theirs = asdict(config.shape), asdict(self._shape)
            key = next(key for key in ours if ours[key] != theirs.get(key))
            differs = f"its {key} is {ours[key]!r}, and theirs {theirs.get(key)!r}"
            raise IntertrainError(
                f"Model '{name}' must have the shape of the ranking's other models, but {differs};"
                " rank it among its own kind."
            )
        if self._architecture not in (None, architecture_hash(config)):
            raise IntertrainError(
                f"Model '{name}' must have the shape of the models that were ranked before in this"
                " directory, but has another one; rank it among its own kind."
            )
        if config.max_length is not None and self._protocol.max_length > config.max_length:
            raise IntertrainError(
                f"config key 'protocol.max_length' must be at most {config.max_length}, the positions"
                f" of model '{name}', but is {self._protocol.max_length}."
                f" Give --set protocol.max_length={config.max_length}."
            )

    def _tokens_for(self, directory: Path, config: AnyConfig, name: str) -> tuple[PackedTask, str]:
        """Returns the task in a model's own tokens, and whose they are in words."""
        if not has_tokenizer(directory):
            if self._fallback is None:
                raise IntertrainError(
                    f"Model '{name}' must have a tokenizer, as no pretrained model is named whose it"
                    " could read, but has none; name one: --pretrained REF."
                )
            directory = resolve_reference(self._fallback.reference, self._fallback.at)
            tokens = self._tokens_in(directory, config, name)
            return tokens, f"none; {self._fallback.label}'s, {_words_hash(directory)}"
        return self._tokens_in(directory, config, name), _words_hash(directory)

    def _tokens_in(self, directory: Path, config: AnyConfig, name: str) -> PackedTask:
        """Returns the task in a directory's tokens, made once for all tokenizers that agree."""
        for known in self._tokens:
            if tokenizer_fingerprint(directory) == tokenizer_fingerprint(known.directory):
                return known.whole
        sample = self._encode(self._sample, directory)
        for known in self._tokens:
            same_words = _words_hash(directory) == _words_hash(known.directory)
            if same_words and _same_tokens(sample, known.sample):
                return known.whole
        whole = self._encode(self._data, directory)
        largest = max(int(np.max(getattr(whole, split).tokens, initial=0)) for split in SPLITS)
        if largest >= config.vocab_size:
            raise IntertrainError(
                f"Model '{name}': its tokenizer gives token {largest}, but it has only"
                f" {config.vocab_size} words; choose a model with its own tokenizer."
            )
        packed = pack_task(whole, self._protocol.train_size, self._mesh)
        self._tokens.append(_Tokens(directory, sample, packed))
        return packed

    def _encode(self, data: TaskData, tokenizer: Path) -> EncodedTask:
        protocol = self._protocol
        return encode_task(data, tokenizer, protocol.max_length, self._cache_dir, protocol.text)


def _every_few(rows: Rows) -> Rows:
    """Returns about `_COMPARED` examples, spread over a split."""
    step = max(1, len(rows) // _COMPARED)
    return Rows(rows.texts[::step], rows.labels[::step])


def _words_hash(directory: Path) -> str:
    """Returns what tells tokenizers of different words apart, for people to compare."""
    return vocabulary_fingerprint(directory)[:8]


def _same_tokens(one: EncodedTask, other: EncodedTask) -> bool:
    return all(
        np.array_equal(getattr(one, split).tokens, getattr(other, split).tokens)
        and np.array_equal(getattr(one, split).boundaries, getattr(other, split).boundaries)
        for split in SPLITS
    )
