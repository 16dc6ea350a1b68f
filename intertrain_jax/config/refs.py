"""How models are named, one at a time and in lists."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from intertrain_jax.base import IntertrainError, nearest
from intertrain_jax.config.files import bundled_folder

_PRETRAINED = "pretrained:"


@dataclass(frozen=True)
class ModelRef:
    """A model as a list names it.

    Attributes:
        reference: hub id, directory, or another reference that models are loaded by.
        revision: of a hub model; None is the newest.
    """

    reference: str
    revision: str | None = None

    @property
    def label(self) -> str:
        """How tables and files name it: as it is written in a list."""
        return self.reference if self.revision is None else f"{self.reference}@{self.revision}"


def parse_ref(text: str) -> ModelRef:
    """Reads "reference" or "reference@revision"; a directory's name may hold an @."""
    reference, at, revision = text.rpartition("@")
    if not at or Path(text).expanduser().is_dir() or "/" in revision or not reference:
        return ModelRef(text)
    return ModelRef(reference, revision)


@dataclass(frozen=True)
class ModelList:
    """What a list of models holds.

    Attributes:
        models: references, each with "@revision" where one is meant.
        pretrained: the model that a line "pretrained: REF" names.
    """

    models: tuple[str, ...]
    pretrained: str | None = None


def read_model_list(name_or_path: str) -> ModelList:
    """Reads a list: one reference a line, "#" before what is for people.

    Args:
        name_or_path: a text file, or the name of a list that comes with the package.

    Raises:
        IntertrainError: there is no such list, or a model is in it twice.
    """
    bundled = bundled_lists()
    path = bundled.get(name_or_path, Path(name_or_path))
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise IntertrainError(
            f"model list {name_or_path!r} is neither a readable text file nor one of the lists that"
            f" come with the package ({', '.join(bundled)}).{nearest(name_or_path, bundled)}"
        ) from error
    models, pretrained = [], None
    for line in lines:
        # A "#" inside a name is part of it.
        text = re.split(r"(?:^|\s)#", line, maxsplit=1)[0].strip()
        if text.startswith(_PRETRAINED):
            pretrained = text.removeprefix(_PRETRAINED).strip()
        elif text:
            models.append(text)
    repeated = sorted({model for model in models if models.count(model) > 1})
    if repeated:
        raise IntertrainError(
            f"model list {name_or_path!r} must name each model once, got {', '.join(repeated)}"
            " repeatedly. Remove the repeats."
        )
    return ModelList(tuple(models), pretrained)


def bundled_lists() -> dict[str, Path]:
    """Returns name → file of the model lists that come with the package."""
    folder = bundled_folder()
    if folder is None:
        return {}
    return {path.stem: path for path in sorted((folder / "models").glob("*.txt"))}
