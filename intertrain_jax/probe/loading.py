"""Loads one model after another for a ranking, and finds out whose tokens each of them reads."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from jax.sharding import Mesh

from intertrain_jax.base import IntertrainError, reason_of
from intertrain_jax.config.protocol import Protocol
from intertrain_jax.config.refs import ModelRef
from intertrain_jax.data.load import TaskData
from intertrain_jax.data.text import has_tokenizer, vocabulary_fingerprint
from intertrain_jax.data.tokens import Tokenisations
from intertrain_jax.models.families.family import AnyConfig
from intertrain_jax.models.families.table import FAMILIES, architecture_hash
from intertrain_jax.models.fits import check_positions, check_shape, check_words
from intertrain_jax.models.hf.references import (
    files_hash,
    is_local,
    resolve_reference,
    resolved_revision,
)
from intertrain_jax.models.hf.weights import Checkpoint, load_weights, read_config
from intertrain_jax.probe.features import PackedTask, pack_task

# Models that are loaded while one is computed, and how many of them at once: most of it is reading
# and hashing, which one thread does at a fraction of what a disk gives.
_AHEAD = _LOADERS = 3
# Files of configurations that are fetched at once.
_GLANCES = 8


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
        files: hash of a local model's files as they were loaded, as of `files_hash`.
    """

    ref: ModelRef
    checkpoint: Checkpoint
    task: PackedTask
    revision: str | None
    tokenizer: str
    seconds: float
    files: str | None = None


@dataclass(frozen=True)
class NotLoaded:
    """A model that cannot be probed.

    Attributes:
        ref: as the list names it.
        reason: why, one line.
        files: as of `Loaded`.
    """

    ref: ModelRef
    reason: str
    files: str | None = None


class ModelLoader:
    """Loads models of one architecture and tokenises the task once for every kind of tokenizer.

    Args:
        data: the task's examples.
        protocol: lengths and subset.
        mesh: devices.
        cache_dir: of tokenised data.
        downloads: where models off the hub go, to be deleted after use; None keeps them in the hub
            client's cache.
        architectures: hashes of the shape that models must have, with and without their words; none
            takes the pretrained model's, or else that of most models of the list.
        fallback: model whose tokenizer those read that have none.
        shape: that models must have, where it is known.
    """

    def __init__(
        self,
        data: TaskData,
        protocol: Protocol,
        mesh: Mesh,
        cache_dir: str | None,
        downloads: Path | None,
        architectures: Collection[str],
        fallback: ModelRef | None,
        shape: AnyConfig | None = None,
    ) -> None:
        self._protocol, self._mesh, self._downloads = protocol, mesh, downloads
        self._architectures, self._fallback = architectures, fallback
        self._shape = shape
        self._task = data.task.name
        self._tokens = Tokenisations({self._task: data}, protocol, cache_dir)
        self._packed: dict[str, PackedTask] = {}
        self._tokenising = threading.Lock()
        self._ahead: dict[ModelRef, Loaded | NotLoaded] = {}

    def shape_of(self, refs: Sequence[ModelRef]) -> AnyConfig | None:
        """Returns the shape that models must have: one of these is to decide it, if none has."""
        if self._shape is None and not self._architectures:
            self._shape = self._commonest(refs)
        return self._shape

    def stream(self, refs: Sequence[ModelRef]) -> Iterator[Loaded | NotLoaded]:
        """Yields every model in the order given, the next ones being loaded in the background."""
        self.shape_of(refs)
        with ThreadPoolExecutor(_LOADERS, "load") as pool:
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
        files: str | None = None
        try:
            directory = resolve_reference(ref.reference, ref.at, self._downloads)
            config, hf_config = read_config(directory, ref.label)
            self._check(config, ref.label)
            # What is hashed now is still in memory when its tensors are taken: a disk reads it once.
            files = files_hash(ref.reference)
            checkpoint = load_weights(directory, ref.label, config, hf_config, texts=False)
            # Tokenisers use all cores by themselves, and what agrees is tokenised once.
            with self._tokenising:
                task, tokenizer = self._tokens_for(directory, config, ref.label)
        except Exception as error:  # whatever a stranger's files make the libraries raise
            reason = reason_of(error, "It cannot be loaded")
            return NotLoaded(ref, reason, files or files_hash(ref.reference))
        if self._shape is None:
            self._shape = config.shape
        revision = resolved_revision(directory)
        seconds = time.monotonic() - began
        return Loaded(ref, checkpoint, task, revision, tokenizer, seconds, files)

    def forget(self, ref: ModelRef) -> None:
        """Deletes what was downloaded of a model, if downloads are not kept."""
        if self._downloads is not None and not is_local(ref.reference):
            folder = "models--" + ref.reference.replace("/", "--")
            shutil.rmtree(self._downloads / folder, ignore_errors=True)

    def _commonest(self, refs: Sequence[ModelRef]) -> AnyConfig | None:
        """Returns the shape of most models, of equals that of the first; None where none is known.

        Only their config.json is read, and of no more models than decide it.
        """
        votes: dict[str, int] = {}
        shapes: dict[str, AnyConfig] = {}
        with ThreadPoolExecutor(_GLANCES, "glance") as pool:
            for seen in range(0, len(refs), _GLANCES):
                first, second = [*sorted(votes.values(), reverse=True), 0, 0][:2]
                if first > second + len(refs) - seen:
                    break
                for config in pool.map(self._glance, refs[seen : seen + _GLANCES]):
                    if config is not None:
                        key = architecture_hash(config, words=False)
                        shapes.setdefault(key, config.shape)
                        votes[key] = votes.get(key, 0) + 1
        return shapes[max(votes, key=votes.__getitem__)] if votes else None

    def _glance(self, ref: ModelRef) -> AnyConfig | None:
        """Returns a model's shape; None where it cannot be read, as will be said when it is loaded."""
        try:
            at = resolve_reference(ref.reference, ref.at, self._downloads, only_config=True)
            return read_config(at, ref.label)[0]
        except Exception:  # as in `load`
            return None

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
        if self._shape is not None:
            remedy = "rank it among its own kind"
            check_shape(config, name, self._shape, "the ranking's other models", remedy)
        known = {architecture_hash(config), architecture_hash(config, words=False)}
        if self._architectures and known.isdisjoint(self._architectures):
            raise IntertrainError(
                f"Model '{name}' must have the shape of the models that were ranked before in this"
                " directory, but has another one; rank it among its own kind."
            )
        check_positions(config, name, self._protocol)

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
        """Returns the task in a directory's tokens, packed once for all tokenizers that agree."""
        tokens = self._tokens.id_of(directory)
        check_words(config, name, self._tokens.largest(tokens))
        if tokens not in self._packed:
            whole = self._tokens.task(tokens, self._task)
            self._packed[tokens] = pack_task(whole, self._protocol.train_size, self._mesh)
        return self._packed[tokens]


def _words_hash(directory: Path) -> str:
    """Returns what tells tokenizers of different words apart, for people to compare."""
    return vocabulary_fingerprint(directory)[:8]
