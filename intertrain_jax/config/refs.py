"""How models are named, one at a time and in lists."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from intertrain_jax.base import IntertrainError, nearest
from intertrain_jax.config.files import bundled_folder

_PRETRAINED = "pretrained:"


# A hub's pages of models: the model, and where it says so the branch, tag or commit that is shown.
_HUB_URL = re.compile(
    r"(?:https?://)?(?:www\.)?(?:huggingface\.co|hf\.co)/(?:models/)?"
    r"(?P<id>[\w.-]+/[\w.-]+)(?:/(?:tree|commit|blob|resolve|raw)/(?P<revision>[^?#]+))?"
    r"(?:/(?:discussions|settings|commits|edit)[^?#]*)?/?(?:[?#].*)?",
    re.IGNORECASE,
)
_PULL_REQUEST = re.compile(r"refs/(?:pr|convert)/[\w.-]+")
_PINNED = re.compile(
    r"(?P<id>[A-Za-z0-9][\w.-]*(?:/[A-Za-z0-9][\w.-]*)?)@(?P<revision>refs/[^@\s]+|[^@\s/]+)"
)


@dataclass(frozen=True)
class ModelRef:
    """A model as people name it.

    Attributes:
        reference: hub id, directory, or another reference that models are loaded by.
        revision: of a hub model: branch, tag or commit; None is the newest.
    """

    reference: str
    revision: str | None = None

    @property
    def label(self) -> str:
        """How tables, files and lists name it; `parse` reads it back."""
        return self.reference if self.revision is None else f"{self.reference}@{self.revision}"

    @staticmethod
    def parse(text: str) -> ModelRef:
        """Reads what people write for a model.

        That is a hub id, "id@revision" (also "id@refs/pr/1"), the address of a model's page on the hub
        or of a revision or file shown there, "hf://id", a directory, whose name may hold an @, or
        whatever else models are loaded by.
        """
        text = text.strip()
        if not text or Path(text).expanduser().is_dir():
            return ModelRef(text)
        page = _HUB_URL.fullmatch(text)
        if (page is not None and "://" in text) or (page is not None and text.count("/") >= 2):
            return ModelRef(page["id"], _shown(page["revision"]))
        pinned = _PINNED.fullmatch(text.removeprefix("hf://"))
        if pinned is not None:
            return ModelRef(pinned["id"], pinned["revision"])
        return ModelRef(text.removeprefix("hf://"))


def _shown(revision: str | None) -> str | None:
    """Returns the revision that the address of a page names; a file's path may follow it."""
    if revision is None:
        return None
    revision = unquote(revision).strip("/")
    pull_request = _PULL_REQUEST.match(revision)
    return pull_request.group() if pull_request else revision.partition("/")[0]


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
    """Reads a list: references as people write them, by line or comma, "#" before what is for people.

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
    models: list[str] = []
    pretrained = None
    for line in lines:
        # A "#" inside a name is part of it.
        text = re.split(r"(?:^|\s)#", line, maxsplit=1)[0].strip()
        if text.startswith(_PRETRAINED):
            pretrained = _written(text.removeprefix(_PRETRAINED))
        else:
            models += [_written(part) for part in _parts(text)]
    repeated = sorted({model for model in models if models.count(model) > 1})
    if repeated:
        raise IntertrainError(
            f"model list {name_or_path!r} must name each model once, got {', '.join(repeated)}"
            " repeatedly. Remove the repeats."
        )
    return ModelList(tuple(models), pretrained)


def _parts(line: str) -> list[str]:
    """Returns the models of a line: a list's bullet is none, and commas part them."""
    line = re.sub(r"^[-*•]\s+", "", line)
    if not line:
        return []
    if Path(line.strip("\"' ")).expanduser().is_dir():
        return [line]
    return [part for part in line.split(",") if part.strip("\"' ")]


def _written(text: str) -> str:
    """Returns the label of a model as somebody wrote it, in quotes or not."""
    return ModelRef.parse(text.strip("\"' ")).label


def bundled_lists() -> dict[str, Path]:
    """Returns name → file of the model lists that come with the package."""
    folder = bundled_folder()
    if folder is None:
        return {}
    return {path.stem: path for path in sorted((folder / "models").glob("*.txt"))}
