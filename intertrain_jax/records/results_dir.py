"""A results directory: whose it is, what names in it were resolved to, its records, who works in it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.experiment import EXPERIMENT_FILE, ExperimentConfig
from intertrain_jax.config.files import load, to_yaml
from intertrain_jax.config.formats import read_json
from intertrain_jax.config.ranking import RANK_FILE, RankConfig
from intertrain_jax.config.strict import build, to_plain
from intertrain_jax.records.hold import LOCK_FILE, Hold, hold, unwritable
from intertrain_jax.records.probes import PROBES, ProbeRecord
from intertrain_jax.records.resolution import Resolution
from intertrain_jax.records.runs import RUNS, Record
from intertrain_jax.records.store import Store, write_atomic

RESOLUTION_FILE = "resolution.json"


C = TypeVar("C", ExperimentConfig, RankConfig)


@dataclass(frozen=True)
class _Owner(Generic[C]):
    """What a results directory can be of.

    Attributes:
        noun: what it is called.
        command: that makes it.
        file: with its resolved configuration.
        config: dataclass of that.
        identity: dotted key → what must stay as it was, for its records to be of it.
    """

    noun: str
    command: str
    file: str
    config: type[C]
    identity: Callable[[C], dict[str, Any]]


def _of_experiment(config: ExperimentConfig) -> dict[str, Any]:
    ref = config.model.ref
    return {
        "name": config.name,
        "model.pretrained": ref.reference,
        "model.revision": ref.revision,
        **{f"protocol.{key}": value for key, value in asdict(config.protocol).items()},
        "source_protocol": asdict(config.protocol_of_sources),
        "data.limit": config.data.limit,
        **{f"tasks.{task.get('name')}": _of_task(task) for task in config.tasks},
    }


def _of_task(task: dict[str, Any]) -> Any:
    """Returns what a user's task is; where its files lie is no part of it: their content has a hash."""
    return to_plain({k: v for k, v in task.items() if k not in ("file", "test_file")})


def _of_ranking(config: RankConfig) -> dict[str, Any]:
    protocol = {f"protocol.{key}": value for key, value in asdict(config.protocol).items()}
    # Rates are tried, this one is not.
    del protocol["protocol.learning_rate"]
    return {"task": config.task, **protocol, "data.limit": config.data.limit}


_EXPERIMENT = _Owner("experiment", "grid", EXPERIMENT_FILE, ExperimentConfig, _of_experiment)
_RANKING = _Owner("ranking", "rank", RANK_FILE, RankConfig, _of_ranking)


class ResultsDir:
    """The results directory of an experiment, of a ranking, or of both.

    Args:
        path: of the directory; nothing is made or changed before `write`.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @cached_property
    def runs(self) -> Store[str, Record]:
        """The records of the experiment's runs."""
        return Store(self.path, RUNS)

    @cached_property
    def probes(self) -> Store[tuple[str, str], ProbeRecord]:
        """The records of the ranking's models."""
        return Store(self.path, PROBES)

    def experiment(self) -> ExperimentConfig | None:
        """Returns the experiment that it belongs to, None if there is none yet.

        Raises:
            IntertrainError: the directory holds something else, or the file cannot be read.
        """
        return self._config(_EXPERIMENT)

    def ranking(self) -> RankConfig | None:
        """Returns the ranking that it belongs to, None if there is none yet; errors as above."""
        return self._config(_RANKING)

    def resolution(self) -> Resolution:
        """Returns what names were resolved to, or what is known: nothing."""
        file = self.path / RESOLUTION_FILE
        if not file.is_file():
            return Resolution()
        try:
            found: Resolution = build(Resolution, read_json(file), "", "key")
        except IntertrainError as error:
            raise IntertrainError(
                f"output directory {str(self.path)!r}: its {RESOLUTION_FILE} cannot be read"
                f" ({error}). Delete that file; the next grid writes it anew."
            ) from error
        return found

    def check(
        self, config: ExperimentConfig | RankConfig, resolution: Resolution | None = None
    ) -> None:
        """Checks that an experiment or a ranking may write its results here, and changes nothing.

        Everything that decides a record must be as it was; seeds, sources, targets, base models and
        what is computed of them may change, as records that are there stay valid.

        Args:
            config: the experiment or ranking.
            resolution: what its names are known to be.

        Raises:
            IntertrainError: the directory belongs to another one, holds something else, or cannot be
                written to.
        """
        if isinstance(config, ExperimentConfig):
            self._check_same(_EXPERIMENT, config)
        else:
            self._check_same(_RANKING, config)
        difference = None if resolution is None else self.resolution().difference(resolution)
        if difference is not None:
            raise IntertrainError(
                f"output directory {str(self.path)!r} belongs to another experiment: {difference}"
            )
        place = self.path
        while not place.exists():
            place = place.parent
        if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
            raise unwritable(self.path, f"{str(place)!r} cannot be written to")

    def write(
        self, config: ExperimentConfig | RankConfig, resolution: Resolution | None = None
    ) -> None:
        """Writes down whose the directory is and what names were resolved to.

        To be called while it is held by `exclusive`: what another process writes is not changed.

        Raises:
            IntertrainError: as of `check`; another process may have made it its own since.
        """
        self.check(config, resolution)
        owner = _EXPERIMENT if isinstance(config, ExperimentConfig) else _RANKING
        header = (
            f"# The {owner.noun} of this directory, defaults included."
            f" Written by intertrain-jax {owner.command}.\n"
        )
        try:
            # The configuration comes first: with it, the directory is known to be ours.
            write_atomic(self.path / owner.file, header + to_yaml(config))
            if resolution is not None:
                self.note(resolution)
        except OSError as error:
            raise unwritable(self.path, str(error)) from error

    def note(self, resolution: Resolution) -> None:
        """Writes down what more is known."""
        known = self.resolution().with_(resolution)
        write_atomic(self.path / RESOLUTION_FILE, json.dumps(asdict(known), indent=1) + "\n")

    def exclusive(self) -> AbstractContextManager[Hold]:
        """Makes the directory and holds it for this process: see `hold`."""
        return hold(self.path)

    def _owned(self) -> bool:
        return any((self.path / name).is_file() for name in (EXPERIMENT_FILE, RANK_FILE))

    def _config(self, owner: _Owner[C]) -> C | None:
        file = self.path / owner.file
        if not file.is_file():
            self._check_ours()
            return None
        try:
            return load(owner.config, file)
        except IntertrainError as error:
            raise IntertrainError(
                f"output directory {str(self.path)!r}: its {owner.file} cannot be read ({error})."
                " Mend it, or choose another --out."
            ) from error

    def _check_ours(self) -> None:
        """Checks that it is no results directory yet, or one of ours."""
        if self.path.exists() and not self.path.is_dir():
            raise IntertrainError(
                f"output directory {str(self.path)!r} must be a directory, but is a file."
                " Choose another --out."
            )
        if not self.path.is_dir() or self._owned():
            return
        # A lock or half-written file is what a kill in the first moment leaves; it is nobody's.
        names = [entry.name for entry in self.path.iterdir()]
        if any(name != LOCK_FILE and not name.endswith(".tmp") for name in names):
            raise IntertrainError(
                f"output directory {str(self.path)!r} must be empty or hold an experiment or a"
                f" ranking, but it has neither {EXPERIMENT_FILE} nor {RANK_FILE}."
                " Choose another --out."
            )

    def _check_same(self, owner: _Owner[C], config: C) -> None:
        """Compares the parts of two configurations that decide a record."""
        before = self._config(owner)
        if before is None:
            return
        old, new = owner.identity(before), owner.identity(config)
        for key, value in new.items():
            # Further tasks of the user's own change nothing.
            if key in old and old[key] != value:
                raise IntertrainError(
                    f"output directory {str(self.path)!r} belongs to another {owner.noun}: its"
                    f" {key!r} is {old[key]!r}, here it is {value!r}. Choose another --out, or make"
                    " them equal."
                )
