"""How models are named, one at a time and in lists, in all the ways people write them."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from intertrain_jax.base import IntertrainError, nearest
from intertrain_jax.config.files import bundled_folder
from intertrain_jax.config.formats import is_file, read_text

_PRETRAINED = "pretrained:"
_LIST = "models:"  # of lists in YAML
# What people write before an entry, and around one: quotes of all kinds, an address in angle brackets.
_BULLET = re.compile(r"(?:[-+*•–]|\d+[.)])\s+")
_AROUND = ('""', "''", "``", "“”", "‘’", "«»", "<>")
_LINK = re.compile(r"\[[^\]]*\]\((\S+)\)")  # of Markdown
_INVISIBLE = re.compile("[\u200b-\u200d\u2060\ufeff]")
_HUB_ID = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?", re.ASCII)
_REVISION = re.compile(r"(?!.*(\.\.|//|@\{))[\w.][\w./+@=-]*")
_URL = re.compile(r"(https?://)?(www\.)?(huggingface\.co|hf\.co)(/|$)", re.IGNORECASE)
_FILE_SYSTEM = "hf://"
# Of a model's pages on the hub, those that show it at a revision.
_AT_REVISION = ("tree", "blob", "resolve", "raw", "commit", "commits")
_OTHER_PAGES = ("discussions", "settings", "edit", "upload")
_NO_MODELS = ("datasets", "spaces", "collections", "papers", "docs", "models", "buckets")


@dataclass(frozen=True)
class ModelRef:
    """A model, as commands, configurations and lists name it.

    Attributes:
        reference: hub id, directory, `package:NAME/FOLDER`, or the name of an embedded model.
        revision: branch, tag or commit of a hub model; None is the newest.
        commit: that the revision was at its first use, where that is known; it is no part of the name.
    """

    reference: str
    revision: str | None = None
    commit: str | None = field(default=None, compare=False)

    @property
    def at(self) -> str | None:
        """The revision to load: a branch that moves changes nothing."""
        return self.commit or self.revision

    @property
    def label(self) -> str:
        """How tables and files name it: "reference" or "reference@revision"."""
        return self.reference if self.revision is None else f"{self.reference}@{self.revision}"

    @property
    def key(self) -> tuple[str, str | None]:
        """What two spellings of one model have in common, as far as names tell."""
        local = is_directory(self.reference)
        place = str(Path(self.reference).expanduser().resolve()) if local else self.reference
        return (place, self.revision)

    @classmethod
    def parse(cls, text: str | Path) -> ModelRef:
        """Reads what people write for a model.

        A directory that exists is itself, whatever its name holds. Otherwise it is a hub id with or
        without "@revision" (a branch, a tag, a commit, or `refs/pr/1`), the address of a page of a
        model on the hub, `hf://org/name@revision`, or `package:NAME/FOLDER`.

        Raises:
            IntertrainError: the address is not one of a model, or names two revisions.
        """
        text = str(text).strip()
        if is_directory(text):
            return cls(text)
        if text.startswith(_FILE_SYSTEM):
            return _of_file_system(text)
        if _URL.match(text):
            return _of_url(text)
        if "://" in text:
            raise IntertrainError(
                f"model {text!r} must be a hub id, a directory or an address on huggingface.co."
                " Download it and give its directory."
            )
        bare = re.sub(r"\s+@\s*|@\s+", "@", text).rstrip("/")
        if _HUB_ID.fullmatch(bare):
            return cls(bare)
        name, at, revision = bare.partition("@")
        named = at and _HUB_ID.fullmatch(name) and _REVISION.fullmatch(revision)
        # A word alone before a path is more likely a folder that is not there.
        if named and ("/" in name or "/" not in revision or revision.startswith("refs/")):
            return cls(name, revision)
        name, at, revision = text.rpartition("@")
        if not at or "/" in revision or not revision or not name:
            return cls(text)
        return cls(name, revision)

    @classmethod
    def of(cls, text: str | Path, revision: str | None) -> ModelRef:
        """Reads a model whose revision may be given beside it.

        Raises:
            IntertrainError: the text names another revision.
        """
        ref = cls.parse(text)
        if revision is None or ref.revision == revision:
            return ref
        if ref.revision is not None:
            raise IntertrainError(
                f"model {str(text)!r} names revision {ref.revision!r}, and beside it {revision!r} is"
                " given. Leave one of them out."
            )
        return cls(ref.reference, revision)


def is_directory(reference: str) -> bool:
    """Whether a reference is a directory that is there."""
    try:
        return bool(reference) and Path(reference).expanduser().is_dir()
    except (OSError, RuntimeError, ValueError):  # too long, "~nobody", or not a path at all
        return False


def is_hub_id(reference: str) -> bool:
    """Whether a reference has the form of a model's name on the hub."""
    return _HUB_ID.fullmatch(reference) is not None and ".." not in reference


def _of_url(text: str) -> ModelRef:
    """Reads the address of one of a model's pages."""
    address = text if "://" in text else f"https://{text}"
    parts = [unquote(part) for part in urlsplit(address).path.split("/") if part]
    if parts[:2] == ["api", "models"]:
        parts = parts[2:]
    if not parts or parts[0] in _NO_MODELS:
        raise _no_model(text)
    pages = (*_AT_REVISION, *_OTHER_PAGES)
    # The oldest models have no owner: huggingface.co/NAME/tree/main.
    words = 1 if len(parts) == 1 or parts[1] in pages else 2
    name, page, rest = "/".join(parts[:words]), parts[words : words + 1], parts[words + 1 :]
    name, _, written = name.partition("@")
    name = name.removesuffix(".git")
    if not is_hub_id(name):
        raise _no_model(text)
    if page and page[0] not in _AT_REVISION:
        raise IntertrainError(
            f"model {text!r} must be the address of a model, at a revision or not, but is that of"
            f" its page {page[0]!r}. Give {name!r}, or {name + '@refs/pr/N'!r} for a pull request."
        )
    if page == ["tree"] and len(rest) > (3 if rest[0] == "refs" else 1):
        raise IntertrainError(
            f"model {text!r} must be a whole repository, but is a folder in one. Download the folder"
            " and give its directory."
        )
    return ModelRef.of(f"{name}@{written}" if written else name, _first_revision(rest) or None)


def _of_file_system(text: str) -> ModelRef:
    """Reads `hf://org/name@revision`, as the hub's file system has it."""
    parts = [unquote(p) for p in text.removeprefix(_FILE_SYSTEM).split("/") if p]
    if parts[:1] == ["models"]:
        parts = parts[1:]
    if not parts or parts[0] in _NO_MODELS:
        raise _no_model(text)
    owner, name = ("", parts[0]) if "@" in parts[0] else (parts[0], "/".join(parts[1:2]))
    rest = parts[1:] if not owner else parts[2:]
    name, at, revision = name.partition("@")
    if at:
        revision = _first_revision([*revision.split("/"), *rest])
    reference = f"{owner}/{name}".strip("/")
    if not is_hub_id(reference) or (at and not _REVISION.fullmatch(revision)):
        raise _no_model(text)
    return ModelRef(reference, revision or None)


def _first_revision(parts: Sequence[str]) -> str:
    """Returns the revision that a path begins with; `refs/pr/1` is one of three parts."""
    if parts[:1] == ["refs"]:
        return "/".join(parts[:3])
    return parts[0] if parts else ""


def _no_model(text: str) -> IntertrainError:
    return IntertrainError(
        f"model {text!r} must be the address of a model on the hub, such as"
        " https://huggingface.co/FacebookAI/roberta-base. Correct it."
    )


def check_models(key: str, texts: Iterable[str]) -> None:
    """Checks that a list names every model once, however it is spelled.

    Args:
        key: of the configuration, or what else errors call the list.
        texts: references as written.

    Raises:
        IntertrainError: two entries name one model.
    """
    seen: dict[tuple[str, str | None], str] = {}
    for text in texts:
        key_of = ModelRef.parse(text).key
        first = seen.get(key_of)
        seen[key_of] = text
        if first is not None:
            both = f"{text} repeatedly" if first == text else f"both {first!r} and {text!r}"
            raise IntertrainError(f"{key} must name each model once, got {both}. Remove one.")


@dataclass(frozen=True)
class ModelList:
    """What a list of models holds.

    Attributes:
        models: their labels.
        pretrained: label of the model that a line "pretrained: REF" names.
    """

    models: tuple[str, ...]
    pretrained: str | None = None


def read_model_list(name_or_path: str) -> ModelList:
    """Reads a list: references by lines or commas, "#" before what is for people.

    Bullets, numbers and quotes around references are not part of them, nor are brackets around a list.
    Of a table, such as a ranking, it is the column "model".

    Args:
        name_or_path: a text file, or the name of a list that comes with the package.

    Raises:
        IntertrainError: there is no such list, or a model is in it twice.
    """
    bundled = bundled_lists()
    path = bundled.get(name_or_path, Path(name_or_path))
    try:
        lines = read_text(path)[0].splitlines()
    except IntertrainError as error:
        if is_file(path):
            raise IntertrainError(f"model list {error}") from error
        raise IntertrainError(
            f"model list {name_or_path!r} is neither a readable text file nor one of the lists that"
            f" come with the package ({', '.join(bundled)}).{nearest(name_or_path, bundled)}"
        ) from error
    models = _column_of_models(lines)
    pretrained = None
    for line in lines if not models else ():
        # A "#" inside a name is part of it.
        text = re.split(r"(?:^|\s)#", _INVISIBLE.sub("", line), maxsplit=1)[0].strip()
        bare = _BULLET.sub("", text, count=1)
        if bare.casefold().startswith(_PRETRAINED):
            named = _unquoted(bare[len(_PRETRAINED) :])
            if not named:
                raise IntertrainError(
                    f"model list {name_or_path!r}: {_PRETRAINED!r} must name a model, but names none."
                    " Name it, or leave the line out."
                )
            pretrained = ModelRef.parse(named).label
        else:
            models += _entries(text)
    if not models and pretrained is None:
        raise IntertrainError(
            f"model list {name_or_path!r} must name a model, but names none. Add one a line."
        )
    check_models(f"model list {name_or_path!r}", models)
    return ModelList(tuple(ModelRef.parse(text).label for text in models), pretrained)


def _column_of_models(lines: Sequence[str]) -> list[str]:
    """Returns the models of a table whose header has a column of them; none of what is no table."""
    header = lines[0].strip("\ufeff").casefold() if lines else ""
    for separator in ",;\t":
        names = [name.strip(' "') for name in header.split(separator)]
        if len(names) > 1 and "model" in names:
            at = names.index("model")
            rows = [row for row in csv.reader(lines[1:], delimiter=separator) if len(row) > at]
            return [row[at].strip() for row in rows if row[at].strip()]
    return []


def _entries(line: str) -> Iterator[str]:
    """Yields the references of a line."""
    if is_directory(line):
        yield line
        return
    for part in _BULLET.sub("", line.removeprefix(_LIST).strip(), count=1).split(","):
        entry = _unquoted(part if _LINK.search(part) else part.strip(" []"))
        if entry:
            yield entry


def _unquoted(text: str) -> str:
    """Returns a text without blanks and quotes around it; of a link, the address."""
    text = text.strip()
    if text[:1] + text[-1:] in _AROUND:
        text = text[1:-1].strip()
    link = _LINK.fullmatch(text)
    return link[1] if link else text


def bundled_lists() -> dict[str, Path]:
    """Returns name → file of the model lists that come with the package."""
    folder = bundled_folder()
    if folder is None:
        return {}
    return {path.stem: path for path in sorted((folder / "models").glob("*.txt"))}
