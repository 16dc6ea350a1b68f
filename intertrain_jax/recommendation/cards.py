"""Which data sets a model has trained on, by its card, and whether one of them is the target."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import yaml

_FRONT = re.compile(r"\A---\s*\n(.*?)\n---\s*(\n|\Z)", re.DOTALL)
# Names that say nothing: what people call any file.
_ANY = ("train", "test", "data", "dataset", "target", "text", "texts", "unknown")


def datasets_of(card: str) -> tuple[str, ...]:
    """Returns the data sets that a model card names as trained or scored on, as they are written.

    Those are `datasets` of its metadata, and the data sets of its `model-index`, by name and by type.
    A card without metadata, or with what is none, names nothing.
    """
    match = _FRONT.match(card.removeprefix("\ufeff").replace("\r\n", "\n"))
    if match is None:
        return ()
    try:
        about = yaml.safe_load(match.group(1))
    except (yaml.YAMLError, ValueError, RecursionError):  # a stranger's
        return ()
    if not isinstance(about, dict):
        return ()
    found: list[Any] = _many(about.get("datasets"))
    for model in _many(about.get("model-index")):
        results = _many(model.get("results")) if isinstance(model, dict) else []
        for result in results:
            dataset = result.get("dataset") if isinstance(result, dict) else None
            if isinstance(dataset, dict):
                found += [dataset.get("type"), dataset.get("name")]
    return tuple(dict.fromkeys(name for name in found if isinstance(name, str) and name.strip()))


def seen_before(names: Iterable[str], datasets: Iterable[str]) -> tuple[str, ...]:
    """Returns which data sets of a card look like the target.

    Case, owner, and whatever is neither letter nor digit are no difference: "owner/Phrase_Bank" is
    phrase-bank.

    Args:
        names: what the target is called: its file, its data set on the hub.
        datasets: of a card.
    """
    ours = {_plain(name) for name in names} - {"", *_ANY}
    return tuple(name for name in datasets if _plain(name) in ours)


def _many(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name.rpartition("/")[2].casefold())
