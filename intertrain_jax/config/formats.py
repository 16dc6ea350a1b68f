"""The one reader of each text format: bytes to text, JSON and YAML; what is wrong is one line."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import yaml

from intertrain_jax.base import LFS_POINTER, IntertrainError

# What parsers raise besides their own errors: depth, numbers too long or large, odd tags.
_STRANGE = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError)
_HALVES = re.compile("[\ud800-\udfff]")
# YAML's aliases can stand for more than any memory holds.
_MOST_VALUES = 1_000_000
# Characters of YAML, of which a second reads some hundred thousand.
_MOST_YAML = 4_000_000
# Text shrinks to a tenth; what unfolds to far more is made to.
_MOST_UNFOLDED, _SMALL = 200, 64 << 20
# How files begin that are something else than rows, keys or lines of text, and what to do about each.
_PARQUET, _GZIP = b"PAR1", b"\x1f\x8b"
_OTHERS = {
    LFS_POINTER: (
        "a pointer of Git LFS and not the file itself",
        "Run git lfs pull in the repository that it is of",
    ),
    b"<!doctype html": ("a web page", "Download the file itself, not the page about it"),
    b"<html": ("a web page", "Download the file itself, not the page about it"),
    b"PK\x03\x04": (
        "an archive, as .xlsx and .zip are",
        "Save its sheet as CSV (UTF-8), or unpack it",
    ),
    b"\xd0\xcf\x11\xe0": ("an .xls file", "Save its sheet as CSV (UTF-8)"),
    b"%PDF-": ("a PDF", "Save its table as CSV (UTF-8)"),
    b"\x89HDF\r\n": ("an HDF5 file", "Save its table as CSV (UTF-8)"),
    b"SQLite format 3\0": ("an SQLite database", "Save its table as CSV (UTF-8)"),
    _PARQUET: (
        "a Parquet file",
        "Write it as CSV, or let its name end in .parquet if it is rows of a task",
    ),
    _GZIP: ("compressed by gzip", "Let its name end in .gz, or unpack it"),
}
_WORD = re.compile(r"[^\s,;|\"]+")
# What cp1252 has as a sign is a letter in other pages; those that stand within words there are left out.
_SIGN_WITHIN = re.compile(
    r"[^\W\d_][\xb9\xb3\xbf\xbc\xbe\xa3\xa5\xb6\xb8\xa2\xa4\xa6\xac\xa9\xae\xb1][^\W\d_]"
)
# Fewer strange letters or words than this may be chance.
_SOME = 4
_MULTIBYTE = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)


def expanded(path: str | Path) -> Path:
    """Returns a path with the home directory for its `~`, as it is where there is no such home."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def is_file(path: Path) -> bool:
    """Whether there is such a file; a name that no file can have is that of none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """Whether there is such a folder; a name that nothing can have is that of none."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def check_is_itself(path: Path, name: str | None = None, parquet: bool = False) -> None:
    """Checks that a file does not begin as one of another kind, or what a download left in its place.

    Args:
        path: the file; one that cannot be opened is left to whoever reads it.
        name: what errors call it; None is its path.
        parquet: whether it is to be a Parquet file.

    Raises:
        IntertrainError: it does, or is a pipe or a device, which would be waited for.
    """
    if not path.is_file() and path.exists() and not path.is_dir():
        raise IntertrainError(
            f"{name or repr(str(path))} cannot be read (it is no file). Mend or replace the file."
        )
    try:
        with path.open("rb") as file:
            start = file.read(200).lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    except (OSError, ValueError):
        return
    expected = {_GZIP: path.suffix.casefold() == ".gz", _PARQUET: parquet}
    for begins, (what, cure) in _OTHERS.items():
        if start.startswith(begins.lower()) and not expected.get(begins):
            raise IntertrainError(f"{name or repr(str(path))} is {what}. {cure}.")


def read_text(path: Path, name: str | None = None) -> tuple[str, str | None]:
    """Reads a text file of any usual encoding, gzipped where its name ends in .gz.

    UTF-8 with or without a mark, UTF-16, UTF-32 with its mark, and Windows' cp1252 where no character is
    one of UTF-8.

    Args:
        path: the file.
        name: what errors call it; None is its path.

    Returns:
        The text, and its encoding where that is not UTF-8.

    Raises:
        IntertrainError: it cannot be read, or is no text.
    """
    try:
        if path.is_dir():
            raise OSError("it is no file")
        check_is_itself(path, name)
        content = _unfolded(path) if path.name.casefold().endswith(".gz") else path.read_bytes()
        text, encoding = decode(content)
    except UnicodeDecodeError as error:
        raise IntertrainError(
            f"{name or repr(str(path))} cannot be read ({_line(error)}). Save it as UTF-8."
        ) from error
    except (OSError, EOFError, zlib.error, ValueError, MemoryError) as error:
        raise IntertrainError(
            f"{name or repr(str(path))} cannot be read ({_line(error)}). Mend or replace the file."
        ) from error
    strange = misread_word(text) if encoding == "cp1252" else None
    if strange is not None:
        raise IntertrainError(
            f"{name or repr(str(path))} is neither UTF-8 nor cp1252: read as that it has words such as"
            f" {strange!r}. Save it as UTF-8."
        )
    return text, encoding


def misread_word(text: str) -> str | None:
    """Returns a word that shows that a text is of another code page than cp1252; None if none does.

    Of other alphabets nearly all letters are beyond ASCII. Of Central European ones some are signs,
    which stand within words; of Turkish, the dotless i is ý, which no language has so often.
    """
    if text.isascii():
        return None
    high = sum(c.isalpha() and c > "\x7f" for c in text)
    letters = sum(c.isalpha() for c in text)
    words: list[str] = [word for word in _WORD.findall(text) if not word.isascii()]
    if high >= _SOME and high > 0.6 * letters:
        return max(words, key=lambda word: sum(c > "\x7f" for c in word))[:30]
    signs = [word for word in words if _SIGN_WITHIN.search(word)]
    if len(signs) >= _SOME and len(signs) > 0.03 * len(words):
        return signs[0][:30]
    if text.count("\xfd") > max(_SOME, 0.015 * letters):
        return next(word for word in words if "\xfd" in word)[:30]
    return None


def decode(content: bytes) -> tuple[str, str | None]:
    """Returns a file's text, and its encoding where that is not UTF-8.

    Raises:
        UnicodeDecodeError: its bytes are no text, or UTF-8 that is damaged.
    """
    if content.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        return content.decode("utf-32"), "UTF-32"
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16"), "UTF-16"
    head = content[:4096]
    if head.count(0) > len(head) // 4:  # UTF-16 without its mark: every other byte is zero
        little = head[1::2].count(0) >= head[::2].count(0)
        return content.decode("utf-16-le" if little else "utf-16-be"), "UTF-16"
    try:
        return content.decode("utf-8-sig"), None
    except UnicodeDecodeError:
        if _MULTIBYTE.search(content):
            raise
    return content.decode("cp1252"), "cp1252"


def _unfolded(path: Path) -> bytes:
    most = max(_SMALL, _MOST_UNFOLDED * path.stat().st_size)
    with gzip.open(path) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise ValueError(
            f"it unfolds to more than {_MOST_UNFOLDED} times its size; unpack it first"
        )
    return content


def parse_json(text: str, origin: str) -> Any:
    """Parses JSON; `origin` names it in errors.

    Raises:
        IntertrainError: it is not JSON, or one key has two values.
    """
    try:
        return json.loads(text, object_pairs_hook=_unambiguous)
    except IntertrainError as error:
        raise IntertrainError(f"{origin}: {error}") from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise IntertrainError(
            f"{origin}: not valid JSON ({error.msg} at {place}). Mend it."
        ) from error
    except (*_STRANGE, RecursionError, MemoryError) as error:
        raise IntertrainError(f"{origin}: not valid JSON ({_line(error)}). Mend it.") from error


def read_json(path: Path) -> Any:
    """Returns the content of a JSON file.

    Raises:
        IntertrainError: it cannot be read, or is not JSON.
    """
    return parse_json(read_text(path)[0], repr(str(path)))


def _unambiguous(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = dict(pairs)
    if len(found) < len(pairs):
        for key, value in pairs:
            if repr(found[key]) != repr(value):
                raise IntertrainError(f"key {key!r} is there twice. Remove one of them.")
    return found


class _StrictLoader(yaml.SafeLoader):
    """Safe YAML that reads 5e-5 as a number and refuses a key given twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, Hashable):
                if key in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"key {key!r} is given twice", key_node.start_mark
                    )
                seen.add(key)
        return super().construct_mapping(node, deep)


_StrictLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


def parse_yaml(text: str, origin: str) -> Any:
    """Parses YAML; `origin` names it in errors.

    Raises:
        IntertrainError: it is not YAML, or its aliases go round in a ring, or it is or stands for
            too much.
    """
    try:
        if len(text) > _MOST_YAML:
            raise ValueError(f"it has {len(text):,} characters, more than {_MOST_YAML:,}")
        value = yaml.load(text, Loader=_StrictLoader)  # noqa: S506 (a SafeLoader)
        _check_size(value)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark is not None else ""
        problem = " ".join(str(getattr(error, "problem", None) or error).split())
        raise IntertrainError(
            f"{origin!r} is not valid YAML{where}: {problem}. Mend it."
        ) from error
    except (*_STRANGE, RecursionError, MemoryError) as error:
        raise IntertrainError(f"{origin!r} is not valid YAML: {_line(error)}. Mend it.") from error
    return value


def _check_size(value: Any) -> None:
    """Counts what a value would be written out, without doing so; no text of it is half a character."""
    sizes: dict[int, int] = {}
    within: set[int] = set()

    def check_whole(item: Any) -> None:
        if isinstance(item, str) and not item.isprintable() and _HALVES.search(item):
            raise ValueError(f"{item[:40]!r} has half a character (a lone surrogate)")

    def size(item: Any) -> int:
        if not isinstance(item, dict | list):
            check_whole(item)
            return 1
        if id(item) in within:
            raise ValueError("an alias stands for what it is part of")
        if id(item) not in sizes:
            within.add(id(item))
            below = item.values() if isinstance(item, dict) else item
            for key in item if isinstance(item, dict) else ():
                check_whole(key)
            sizes[id(item)] = 1 + sum(map(size, below))
            within.remove(id(item))
        return sizes[id(item)]

    if size(value) > _MOST_VALUES:
        raise ValueError(f"its aliases stand for more than {_MOST_VALUES:,} values")


def _line(error: BaseException) -> str:
    """Returns what a library says, in one line and in words where it only names a limit."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, MemoryError):
        return "it needs more memory than there is"
    said = error.strerror if isinstance(error, OSError) and error.strerror else error
    text = " ".join(str(said).split())[:300]
    if isinstance(error, ValueError | OSError | EOFError) and text:
        return text
    return f"{type(error).__name__} {text}".strip()
