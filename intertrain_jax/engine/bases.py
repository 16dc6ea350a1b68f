"""The base models of a grid, streamed: each is loaded when a run of it is about to start, and let go."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from intertrain_jax.models.hf.weights import Checkpoint

# Base models in host memory at once beside the pretrained one: of runs that start, and the next.
MOST_LOADED = 3


class BaseModels:
    """Loads base models, at most `MOST_LOADED` at a time beside the pretrained one.

    Args:
        load: reference → model.
        pretrained: reference of the pretrained model, which is loaded at once and stays.
    """

    def __init__(self, load: Callable[[str], Any], pretrained: str) -> None:
        self._load = load
        self._pretrained = pretrained
        self.pretrained: Checkpoint = load(pretrained)
        self._loaded: OrderedDict[str, Future[Checkpoint]] = OrderedDict()
        self._pool = ThreadPoolExecutor(1, "load")

    @classmethod
    def of(cls, models: Mapping[str, Checkpoint], pretrained: str) -> BaseModels:
        """Returns base models that are in memory already."""
        return cls(models.__getitem__, pretrained)

    def __getitem__(self, reference: str) -> Checkpoint:
        """Returns a base model, loading it if it is not there.

        Raises:
            IntertrainError: it cannot be loaded any more.
        """
        if reference == self._pretrained:
            return self.pretrained
        self.prefetch(reference)
        return self._loaded[reference].result()

    def prefetch(self, reference: str) -> None:
        """Begins to load a base model that will be asked for soon; the one unused longest goes."""
        if reference == self._pretrained:
            return
        known = self._loaded.get(reference)
        if known is not None and not (known.done() and known.exception() is not None):
            self._loaded.move_to_end(reference)
            return
        self._loaded[reference] = self._pool.submit(self._load, reference)
        while len(self._loaded) > MOST_LOADED:
            self._loaded.popitem(last=False)

    def close(self) -> None:
        """Lets go of the thread that loads, and of what it loaded."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._loaded.clear()
