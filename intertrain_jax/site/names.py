"""Names that strangers chose, as parts of paths and as data inside pages."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from markupsafe import Markup, escape

from intertrain_jax.base import content_hash
from intertrain_jax.records.store import safe_name

_LONGEST = 60
# What moves the text around it, and what has no glyph: shown as a mark, never obeyed.
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")
# Where a long name may be broken.
_JOINT = re.compile(r"(?<=[/_.:-])")
# Names that Windows keeps for devices, and the site for its own files.
_TAKEN = re.compile(r"assets|(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def slugs(names: Iterable[str]) -> dict[str, str]:
    """Returns name → one harmless part of a path each, all different, also where case is ignored.

    A name that is no such part as it stands gets a hash of itself behind it: it is the same in every
    report, whatever else is in it.
    """
    found: dict[str, str] = {}
    for name in names:
        plain = re.sub(r"\.{2,}", "_", safe_name(name).lower()[:_LONGEST]).rstrip(".")
        harmless = plain == name and not _TAKEN.fullmatch(name)
        found[name] = plain if harmless else f"{plain or '_'}-{content_hash(name, 8)}"
    return found


def short_names(names: Iterable[str]) -> dict[str, str]:
    """Returns name → what is shown of it where there is little room.

    Folders that all names with folders begin with are a mark, if they are two or more: the end tells
    such models apart.
    """
    names = list(names)
    folders = [name.split("/")[:-1] for name in names if name.count("/") > 1]
    common = 0
    if len(folders) > 1:
        for parts in zip(*folders, strict=False):
            if len(set(parts)) > 1:
                break
            common += 1
    cut = "/".join(folders[0][:common]) + "/" if common > 1 else ""
    return {n: f"…/{n[len(cut) :]}" if cut and n.startswith(cut) else n for n in names}


def visible(text: object) -> str:
    """Returns text in which every character that would not be seen is a replacement mark."""
    return _UNSEEN.sub("\N{REPLACEMENT CHARACTER}", str(text).encode("utf-8", "replace").decode())


def breakable(name: object) -> Markup:
    """Returns a name as it is written in a page, which may break after what joins its parts."""
    return Markup("<wbr>").join(escape(part) for part in _JOINT.split(visible(name)) if part)


def script_json(value: Any) -> str:
    """Returns JSON that can stand inside a script element: nothing in it ends the element."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
