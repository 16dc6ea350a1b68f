"""What a model's own card says of it, where the card is on this machine: licence, tags, languages."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import yaml

from intertrain_jax.config.refs import ModelRef, is_directory

_CARD = "README.md"
# The header of a card is short; more of a file, or of a list in it, is not read.
_MOST_CHARACTERS, _MOST_WORDS = 65_536, 30
_WORDS = {"license": "licence", "tags": "tags", "language": "languages"}


def facts_of_card(reference: str, revision: str | None = None) -> dict[str, str]:
    """Returns word → text of what a model's card says; nothing where there is no card.

    Nothing is downloaded: a model off the hub has a card only if the hub's client keeps one.

    Args:
        reference: a directory or a hub id.
        revision: of a hub model.
    """
    path = _card_of(reference, revision)
    if path is None:
        return {}
    with suppress(OSError), path.open(encoding="utf-8", errors="replace") as file:
        return _facts(file.read(_MOST_CHARACTERS))
    return {}


def _card_of(reference: str, revision: str | None) -> Path | None:
    if is_directory(reference):
        path = Path(reference).expanduser() / _CARD
        return path if path.is_file() else None
    ref = ModelRef(reference, revision)
    if reference.count("/") > 1 or ":" in reference:
        return None
    # Only where a model is off the hub: the client takes a while to load.
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    with suppress(HFValidationError, OSError, ValueError):
        found = try_to_load_from_cache(ref.reference, _CARD, revision=ref.revision)
        return Path(found) if isinstance(found, str) else None
    return None


def _facts(text: str) -> dict[str, str]:
    if not text.startswith("---"):
        return {}
    header, end, _ = text[3:].partition("\n---")
    try:
        found = yaml.safe_load(header) if end else None
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    facts = {}
    for key, word in _WORDS.items():
        value = found.get(key)
        several = value if isinstance(value, list) else [value]
        words = [str(one) for one in several[:_MOST_WORDS] if isinstance(one, str) and one]
        if words:
            facts[word] = ", ".join(words)
    return facts
