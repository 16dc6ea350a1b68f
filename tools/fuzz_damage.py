"""Damages valid inputs in one or two places: texts, bytes, plain values and files."""

from __future__ import annotations

import contextlib
import json
import os
import random
from pathlib import Path
from typing import Any

ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 0.5, -1e308, 1e308, 10**30, 2**63, float("nan"), float("inf")),
    *(
        "",
        " ",
        "nan",
        "null",
        "a" * 5000,
        "../../etc",
        "/",
        "~nobody",
        "\x00",
        "\ud800",
        "é\u202e😀",
    ),
    *("[/b]", "[red]", "\x1b[2J", "=1+1", "{a}", "{", "%s", "²", "0b_", "1_0", "2001-99-99"),
    *([], {}, [[]], [None], {"a": 1}, {"": ""}, [1, 2, 3], ["x", "x"]),
)
ODD_TEXTS = (
    *("", "\n", "[", "]" * 50, "{" * 200, "[" * 20_000, "&a [*a]", "? !!x", "- -", "\t", "\x00"),
    *("!!timestamp 2001-99-99", "a: 1\na: 2", ",,,,", '"', "'", "\ufeff", "\u2028", "NaN", "1e999"),
)


def damaged_text(rng: random.Random, text: str) -> str:
    """Returns a text with a piece of it cut, repeated, replaced or moved."""
    for _ in range(rng.randint(1, 2)):
        lines = text.split("\n")
        at, end = sorted(rng.randrange(len(text) + 1) for _ in range(2))
        end = min(end, at + rng.choice((1, 3, 20, 400)))
        line = rng.randrange(len(lines))
        how = rng.randrange(7)
        if how == 0:
            text = text[:at] + text[end:]
        elif how == 1:
            text = text[:at] + rng.choice(ODD_TEXTS) + text[end:]
        elif how == 2:
            text = text[:at] + text[at:end] * rng.choice((2, 50)) + text[end:]
        elif how == 3:
            lines.insert(line, lines[rng.randrange(len(lines))])
            text = "\n".join(lines)
        elif how == 4:
            del lines[line]
            text = "\n".join(lines)
        elif how == 5:
            key, colon, _ = lines[line].partition(":")
            lines[line] = f"{key}{colon} {rng.choice((*ODD_TEXTS, *map(str, ODD_VALUES)))}"
            text = "\n".join(lines)
        else:
            text = text[:at]
    return text


def damaged_bytes(rng: random.Random, content: bytes) -> bytes:
    """Returns bytes with some of them changed, cut out or added."""
    if not content:
        return b"\xff\xfe"
    at = rng.randrange(len(content))
    how = rng.randrange(6)
    if how == 0:
        return content[:at]
    if how == 1:
        return content[:at] + bytes([rng.randrange(256)]) + content[at + 1 :]
    if how == 2:
        return content[:at] + rng.randbytes(rng.choice((1, 8, 100))) + content[at:]
    if how == 3:
        return (
            rng.choice((b"\xef\xbb\xbf", b"\xff\xfe", b"\x1f\x8b", b"PAR1", b"\x00" * 64)) + content
        )
    if how == 4:
        # Headers decide most: what comes first is hit more often.
        at = rng.randrange(min(len(content), 64))
        return content[:at] + rng.randbytes(4) + content[at + 4 :]
    return rng.randbytes(rng.choice((0, 1, 50)))


def damaged_value(rng: random.Random, value: Any) -> Any:
    """Returns plain values with one of them, somewhere inside, replaced, dropped or added."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = rng.choice(sorted(value, key=str))
        how = rng.random()
        if how < 0.08:
            return {k: v for k, v in value.items() if k != key}
        if how < 0.14:
            return {
                **value,
                str(rng.choice(("unknown", "", "[/b]", "nаme"))): rng.choice(ODD_VALUES),
            }
        return {**value, key: damaged_value(rng, value[key])}
    if isinstance(value, list) and value and rng.random() < 0.8:
        at = rng.randrange(len(value))
        if rng.random() < 0.2:
            return value[:at] + value[at + 1 :]
        return [*value[:at], damaged_value(rng, value[at]), *value[at + 1 :]]
    if isinstance(value, (int, float)) and not isinstance(value, bool) and rng.random() < 0.4:
        return rng.choice((-value, value * 1000, value + 1, str(value), [value], value / 7))
    return rng.choice(ODD_VALUES)


def damage_file(rng: random.Random, path: Path) -> None:
    """Damages a file in the way that suits it, or puts something else in its place."""
    how = rng.random()
    if how < 0.06:
        path.unlink()
        what = rng.randrange(5)
        if what == 0:
            path.mkdir()
        elif what == 1:
            path.symlink_to(path.name)
        elif what == 2 and hasattr(os, "mkfifo"):
            os.mkfifo(path)
        elif what == 3:
            path.write_bytes(b"")
        return
    content = path.read_bytes()
    if path.suffix == ".json" and how < 0.75:
        with contextlib.suppress(ValueError):
            value = damaged_value(rng, json.loads(content))
            path.write_text(json.dumps(value), "utf-8", errors="surrogatepass")
            return
    if how < 0.85 and path.suffix not in (".safetensors", ".parquet"):
        text = damaged_text(rng, content.decode("utf-8", errors="replace"))
        path.write_text(text, "utf-8", errors="surrogatepass")
        return
    path.write_bytes(damaged_bytes(rng, content))
