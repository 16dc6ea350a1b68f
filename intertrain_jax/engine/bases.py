"""Base models of a grid: each is looked at once, loaded when a run of it is about to start, let go."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from intertrain_jax.base import IntertrainError, cache_root, content_hash, reason_of
from intertrain_jax.config.formats import read_json
from intertrain_jax.config.protocol import Protocol
from intertrain_jax.config.refs import ModelRef
from intertrain_jax.data.encoded import EncodedTask, TaskKey
from intertrain_jax.data.load import TaskData
from intertrain_jax.data.text import has_tokenizer, tokenizer_fingerprint
from intertrain_jax.data.tokens import Tokenisations
from intertrain_jax.engine.held import HELD_BYTES, BaseModel, HeldModels
from intertrain_jax.models.families.family import AnyConfig
from intertrain_jax.models.fits import check_positions, check_shape, check_words
from intertrain_jax.models.hf.references import files_hash, resolve_reference, resolved_revision
from intertrain_jax.models.hf.weights import Checkpoint, load_weights, read_config
from intertrain_jax.planning.plan import Plan
from intertrain_jax.planning.work import ref_of
from intertrain_jax.records.store import write_atomic

# What is remembered is asked for under this number: a change of what is checked makes it void.
_FORMAT = 1


class BaseModels:
    """The base models of a grid, of which only a few are in memory.

    Methods are for one thread; loading happens in another one.

    Args:
        pretrained: what all others must have the shape of.
        data: examples of every task of the grid, by name.
        protocol: that all runs share.
        cache_dir: root of the caches; None for the default.
        held_bytes: how much of the weights to hold.
    """

    def __init__(
        self,
        pretrained: ModelRef,
        data: Mapping[str, TaskData],
        protocol: Protocol,
        cache_dir: str | None = None,
        held_bytes: int = HELD_BYTES,
    ) -> None:
        self._pretrained, self._protocol = pretrained, protocol
        # Else the encoder alone is used.
        self._texts = protocol.text is None or protocol.in_words
        self._tokens = Tokenisations(data, protocol, cache_dir)
        self._remembered = cache_root(cache_dir) / "bases"
        self._looked: dict[ModelRef, BaseModel | str] = {}
        self._held = HeldModels(self._texts, held_bytes)

    @property
    def pretrained(self) -> BaseModel:
        """The pretrained model.

        Raises:
            IntertrainError: it cannot be used, and nothing can be done without it.
        """
        return self.look(self._pretrained)

    def look(self, ref: ModelRef) -> BaseModel:
        """Returns what is known of a base model, which is loaded for that once and let go.

        What was found is remembered in the cache directory by the hash of the model's files, so that
        another process only hashes them.

        Raises:
            IntertrainError: it cannot be used; says why, every time.
        """
        if ref not in self._looked:
            try:
                self._looked[ref] = self._look(ref)
            except Exception as error:  # whatever a stranger's files make the libraries raise
                self._looked[ref] = reason_of(error, f"model {ref.label!r} cannot be loaded")
        found = self._looked[ref]
        if isinstance(found, str):
            raise IntertrainError(found)
        return found

    def load(self, ref: ModelRef) -> Checkpoint:
        """Returns a base model's weights: those held or loaded ahead, or else loaded now.

        Raises:
            IntertrainError: it cannot be used, or is no longer what it was when it was looked at.
        """
        return self._held.load(self.look(ref), self.pretrained.config.vocab_size)

    def expect(self, refs: Iterable[ModelRef]) -> None:
        """Begins to load base models in the background, a few of those that are to be loaded next.

        Args:
            refs: in the order in which their runs are expected to start.
        """
        looked = (self._looked.get(ref) for ref in refs)
        found = (model for model in looked if isinstance(model, BaseModel))
        self._held.expect(found, self.pretrained.config.vocab_size)

    def tasks(self, plan: Plan) -> dict[TaskKey, EncodedTask]:
        """Returns every task of a plan in the tokens of every base model that is to do it.

        Base models that cannot be used need none.
        """
        keys: dict[TaskKey, None] = {}
        for run in plan.runs:
            try:
                keys[self.look(ref_of(run)).tokens, run.target] = None
            except IntertrainError:
                continue
        return {key: self._tokens.task(*key) for key in keys}

    def close(self) -> None:
        """Lets all weights go and ends the thread; what is known of models stays."""
        self._held.close()

    def _look(self, ref: ModelRef) -> BaseModel:
        directory = resolve_reference(ref.reference, ref.at)
        config, hf_config = read_config(directory, ref.label)
        tokenizer = directory
        if ref != self._pretrained:
            remedy = "give it an experiment of its own"
            wanted, words = self.pretrained.config, self._protocol.in_words
            check_shape(config, ref.label, wanted, "the pretrained model", remedy, words)
            if not has_tokenizer(directory):
                tokenizer = self.pretrained.directory
        check_positions(config, ref.label, self._protocol)
        fingerprint = self._fingerprint(directory, ref.label, config, hf_config)
        tokens = self._tokens.id_of(tokenizer)
        largest = self._tokens.largest(tokens)
        check_words(config, ref.label, largest)
        if ref != self._pretrained and largest >= self.pretrained.config.vocab_size:
            raise IntertrainError(
                f"Model '{ref.label}' must read words that the pretrained model has room for, whose"
                f" lanes it shares, but it reads token {largest}, and there are"
                f" {self.pretrained.config.vocab_size} words; give it an experiment of its own."
            )
        commit = resolved_revision(directory)
        return BaseModel(
            ref, directory, commit, config, fingerprint, tokenizer_fingerprint(tokenizer), tokens
        )

    def _fingerprint(
        self, directory: Path, name: str, config: AnyConfig, hf_config: dict[str, Any]
    ) -> str:
        """Returns the fingerprint of weights: as remembered, or else of the weights, now loaded."""
        asked = [files_hash(str(directory)), asdict(config), _FORMAT]
        known = content_hash(asked if self._texts else [*asked, "classify"], 24)
        path = self._remembered / f"{known}.json"
        try:
            return str(read_json(path)["fingerprint"])
        except (IntertrainError, KeyError, TypeError):
            fingerprint = load_weights(directory, name, config, hf_config, self._texts).fingerprint
        with suppress(OSError):  # a cache that cannot be written is no reason to stop
            write_atomic(path, json.dumps({"fingerprint": fingerprint}))
        return fingerprint


class LookedAt:
    """The base models that were asked for last: asked for again, they are not looked at again."""

    def __init__(self) -> None:
        self._asked: tuple[Any, ...] | None = None
        self._bases: BaseModels | None = None

    def of(
        self,
        pretrained: ModelRef,
        data: Mapping[str, TaskData],
        protocol: Protocol,
        cache_dir: str | None,
    ) -> BaseModels:
        """Returns base models; see `BaseModels`."""
        contents = {name: task.fingerprint for name, task in data.items()}
        asked = (pretrained, contents, protocol, cache_dir)
        if self._bases is None or asked != self._asked:
            self._asked, self._bases = asked, BaseModels(pretrained, data, protocol, cache_dir)
        return self._bases
