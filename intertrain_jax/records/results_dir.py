"""The results directory of an experiment: whose it is, what it was resolved to, who works in it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.experiment import EXPERIMENT_FILE, ExperimentConfig, load_config
from intertrain_jax.config.files import to_yaml
from intertrain_jax.config.protocol import Precision
from intertrain_jax.config.ranking import RANK_FILE
from intertrain_jax.config.strict import build, to_plain
from intertrain_jax.records.store import write_atomic

RESOLUTION_FILE = "resolution.json"
_LOCK_FILE = ".lock"


@dataclass(frozen=True)
class Resolution:
    """What turns an experiment's names into content; whatever is not known yet is None.

    Attributes:
        model_fingerprints: model reference → fingerprint of its weights.
        data_fingerprints: task name → fingerprint of its data.
        precision: "float32" or "bfloat16" where the protocol says "auto".
        revisions: model of the hub → the commit that was loaded at its first use, and is kept to.
    """

    model_fingerprints: dict[str, str | None] = field(default_factory=dict)
    data_fingerprints: dict[str, str | None] = field(default_factory=dict)
    precision: Precision | None = None
    revisions: dict[str, str] = field(default_factory=dict)


def read_experiment(out: Path) -> ExperimentConfig | None:
    """Returns the experiment that a results directory belongs to, None if there is none yet.

    Raises:
        IntertrainError: the directory holds something else.
    """
    file = out / EXPERIMENT_FILE
    if file.is_file():
        try:
            return load_config(file)
        except (IntertrainError, OSError, UnicodeDecodeError) as error:
            raise IntertrainError(
                f"output directory {str(out)!r}: its {EXPERIMENT_FILE} cannot be read ({error})."
                " Mend it, or choose another --out."
            ) from error
    check_ours(out, f"empty or hold an experiment, but it has no {EXPERIMENT_FILE}")
    return None


def check_ours(out: Path, rule: str) -> None:
    """Checks that a path is no results directory yet, or one of ours: a grid's, a ranking's, or both.

    Args:
        out: the path.
        rule: what it must be, and that it is not.

    Raises:
        IntertrainError: it is a file, or a directory of something else.
    """
    if out.exists() and not out.is_dir():
        raise IntertrainError(
            f"output directory {str(out)!r} must be a directory, but is a file."
            " Choose another --out."
        )
    if not out.is_dir() or any((out / name).is_file() for name in (EXPERIMENT_FILE, RANK_FILE)):
        return
    # A half-written file is what a kill in the first moment leaves; it is nobody's.
    if any(not entry.name.endswith(".tmp") for entry in out.iterdir()):
        raise IntertrainError(
            f"output directory {str(out)!r} must be {rule}. Choose another --out."
        )


def read_resolution(out: Path) -> Resolution:
    """Returns what the experiment in a directory was resolved to, or what is known: nothing."""
    file = out / RESOLUTION_FILE
    if not file.is_file():
        return Resolution()
    try:
        resolution: Resolution = build(Resolution, json.loads(file.read_text("utf-8")), "", "key")
    except (IntertrainError, OSError, ValueError) as error:
        raise IntertrainError(
            f"output directory {str(out)!r}: its {RESOLUTION_FILE} cannot be read ({error})."
            " Delete that file; the next grid writes it anew."
        ) from error
    return resolution


def check_out_dir(out: Path, config: ExperimentConfig, resolution: Resolution) -> None:
    """Checks that an experiment may write its results to a directory, and changes nothing.

    Everything that decides what a run is must be as it was; seeds, sources, targets and further
    base models may change, as runs that are done stay valid.

    Raises:
        IntertrainError: the directory belongs to another experiment or cannot be written to.
    """
    before = read_experiment(out)
    if before is not None:
        _check_same(out, before, config)
        _check_same_content(out, read_resolution(out), resolution)
    check_writable(out)


def check_writable(out: Path) -> None:
    """Checks that a results directory can be made, or written to, and changes nothing."""
    place = out
    while not place.exists():
        place = place.parent
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        raise unwritable(out, f"{str(place)!r} cannot be written to")


def write_experiment(out: Path, config: ExperimentConfig, resolution: Resolution) -> None:
    """Makes the results directory and writes down what the experiment is."""
    known = read_resolution(out)
    merged = Resolution(
        {**known.model_fingerprints, **resolution.model_fingerprints},
        {**known.data_fingerprints, **resolution.data_fingerprints},
        resolution.precision,
        {**known.revisions, **resolution.revisions},
    )
    header = (
        "# The experiment of this directory, defaults included. Written by intertrain-jax grid.\n"
    )
    try:
        # The configuration comes first: with it, the directory is known to be ours.
        write_atomic(out / EXPERIMENT_FILE, header + to_yaml(config))
        write_atomic(out / RESOLUTION_FILE, json.dumps(asdict(merged), indent=1) + "\n")
    except OSError as error:
        raise unwritable(out, str(error)) from error


@contextmanager
def exclusive(out: Path) -> Iterator[None]:
    """Holds a results directory for this process; the system lets go of it when the process ends.

    Raises:
        IntertrainError: another process holds it.
    """
    try:
        import fcntl
    except ImportError:  # not a POSIX system: nothing to lock with
        yield
        return
    with (out / _LOCK_FILE).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise IntertrainError(
                f"output directory {str(out)!r} is in use by another process."
                " Wait for it, or choose another --out."
            ) from error
        yield


def _check_same(out: Path, before: ExperimentConfig, now: ExperimentConfig) -> None:
    """Compares the parts of two configurations that decide what a run is."""
    old, new = _identity(before), _identity(now)
    old_tasks, new_tasks = _own_tasks(before), _own_tasks(now)
    for name in old_tasks.keys() & new_tasks.keys():
        old[f"tasks.{name}"], new[f"tasks.{name}"] = old_tasks[name], new_tasks[name]
    for key, value in new.items():
        if old[key] != value:
            raise IntertrainError(
                f"output directory {str(out)!r} belongs to another experiment: its {key!r} is"
                f" {old[key]!r}, here it is {value!r}. Choose another --out, or make them equal."
            )


def _identity(config: ExperimentConfig) -> dict[str, Any]:
    return {
        "name": config.name,
        "model.pretrained": config.model.pretrained,
        "model.revision": config.model.revision,
        **{f"protocol.{key}": value for key, value in asdict(config.protocol).items()},
        "data.limit": config.data.limit,
    }


def _own_tasks(config: ExperimentConfig) -> dict[str, Any]:
    return {str(task.get("name")): to_plain(task) for task in config.tasks}


def _check_same_content(out: Path, before: Resolution, now: Resolution) -> None:
    """Compares what two resolutions know of the same models and tasks."""
    changed: list[tuple[str, Mapping[str, str | None], Mapping[str, str | None]]] = [
        ("model", before.model_fingerprints, now.model_fingerprints),
        ("data of task", before.data_fingerprints, now.data_fingerprints),
    ]
    for noun, old, new in changed:
        for name in old.keys() & new.keys():
            if None not in (old[name], new[name]) and old[name] != new[name]:
                raise IntertrainError(
                    f"output directory {str(out)!r} belongs to another experiment: {noun} {name!r}"
                    f" has fingerprint {new[name]}, there it had {old[name]}."
                    " Choose another --out, or restore what it was."
                )
    if None not in (before.precision, now.precision) and before.precision != now.precision:
        raise IntertrainError(
            f"output directory {str(out)!r} belongs to another experiment: 'protocol.precision' was"
            f" resolved to {before.precision}, here it is {now.precision}."
            f" Choose another --out, or --set protocol.precision={before.precision} in a new one."
        )


def unwritable(out: Path, why: str) -> IntertrainError:
    """Returns the error of a results directory that cannot be written to."""
    return IntertrainError(
        f"output directory {str(out)!r} must be writable, but {why}. Choose another --out."
    )
