"""Which source of which grid a model directory was written from, so that both names are one model."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.formats import is_file, read_json
from intertrain_jax.config.refs import ModelRef, is_directory
from intertrain_jax.config.strict import build

ORIGIN_FILE = "intertrain_jax.json"


@dataclass(frozen=True)
class Origin:
    """Where a model directory comes from.

    Attributes:
        source: task that the model was trained on: its row in the tables of its grid.
        grid: name of that grid.
        seed: of the run.
        run: its id.
    """

    source: str
    grid: str
    seed: int
    run: str

    def to_json(self) -> str:
        """Returns the text of its file."""
        return json.dumps(asdict(self), indent=2) + "\n"


def origin_of(reference: str) -> Origin | None:
    """Returns what a model directory says of itself; None for what says nothing that can be read."""
    if not is_directory(reference):
        return None
    path = Path(reference).expanduser() / ORIGIN_FILE
    with suppress(IntertrainError):
        if is_file(path):
            found: Origin = build(Origin, read_json(path), "", "key")
            return found
    return None


def other_names(names: Iterable[str], known: Iterable[str]) -> dict[str, str]:
    """Returns name → what the same model is called among `known`, where that is another name.

    One model are two spellings of one directory, and a source's name and the directory that
    `models sources` wrote of it. Where several would do, none does.
    """
    names, known = list(dict.fromkeys(names)), list(dict.fromkeys(known))
    both = set(names) & set(known)
    left = [name for name in known if name not in both]
    by_form: dict[str, list[str]] = {}
    for name in left:
        for form in _forms(name):
            by_form.setdefault(form, []).append(name)
    found: dict[str, str] = {}
    for name in names:
        if name in both:
            continue
        candidates = {other for form in _forms(name) for other in by_form.get(form, ())}
        if len(candidates) == 1:
            found[name] = candidates.pop()
    taken = list(found.values())
    return {name: other for name, other in found.items() if taken.count(other) == 1}


def joined(found: dict[str, str], by: str) -> tuple[str, ...]:
    """Says in a sentence, if there is anything to say, which names were taken for others.

    Args:
        found: of `other_names`.
        by: what has the names that were replaced.
    """
    if not found:
        return ()
    pairs = ", ".join(f"{name} is {other}" for name, other in found.items())
    return (f"Models that {by} call by another name: {pairs}.",)


def _forms(name: str) -> set[str]:
    """Returns what tells a model: its name, or its place and the source that it was written from."""
    if not is_directory(name):
        return {f"name {name}"}
    origin = origin_of(name)
    place = f"place {ModelRef(name).key[0]}"
    return {place} if origin is None else {place, f"name {origin.source}"}
