"""Damages valid inputs in one or two places: texts, bytes, plain values and files."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import random
import re
from pathlib import Path
from typing import Any

ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 0.5, -1e308, 1e308, 10**30, 2**63, float("nan"), float("inf")),
    *(-0.0, 5e-324, 1e-45, 2**31 - 1, 2**31, -(2**31), 2**32, 2**53 + 1, 10**400, -float("inf")),
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
    *("0x10", "0o17", "1e5", "1,5", "1:30", "yes", "off", "on", "٣", "½", "-", "--help", "PT", "*"),
    *("a\nb", "a\r", "\u2028", "\x85", "\ufeff", "\ud83d", "ı", "ß" * 300, "👩‍👩‍👧", "a\x00b"),
    *("/dev/zero", "/dev/null", "file:///etc/passwd", "C:\\x", "..", "a/../b", "a" * 256, "~", "%"),
    *([], {}, [[]], [None], {"a": 1}, {"": ""}, [1, 2, 3], ["x", "x"], [0] * 2000, [True, 0, 0.0]),
    {"__proto__": {}, "a" * 300: None},
)
ENCODINGS = ("utf-16", "utf-16-be", "utf-32", "utf-8-sig", "cp1252", "shift_jis", "utf-7", "cp500")
ODD_TEXTS = (
    *("", "\n", "[", "]" * 50, "{" * 200, "[" * 20_000, "&a [*a]", "? !!x", "- -", "\t", "\x00"),
    *("!!timestamp 2001-99-99", "a: 1\na: 2", ",,,,", '"', "'", "\ufeff", "\u2028", "NaN", "1e999"),
    *(
        "!!python/object/apply:os.system [id]",
        "!!binary x",
        "!!set {a, b}",
        "<<: *a",
        "---\n",
        "...\n",
    ),
    *(
        "&a {b: &b {c: *a}}",
        "a: &a [1]\nb: *a",
        "? [a]\n: b",
        "'''",
        "\r",
        "\x0b",
        "\x1c",
        "\x85",
        "|\n",
    ),
    *(
        "1" * 5000,
        "9" * 400 + ".5",
        "-Infinity",
        '{"a": 1, "a": 2}',
        "\\ud800",
        "\\u0000",
        "\ud800",
    ),
    *(
        '{"a":' * 5000,
        "- " * 3000,
        "x,x\n1",
        '"a\n"',
        "a" * 200_000,
        "🙂" * 300,
        "\u202e",
        "%YAML 9.9\n",
    ),
)


def damaged_text(rng: random.Random, text: str) -> str:
    """Returns a text with a piece of it cut, repeated, replaced or moved."""
    for _ in range(rng.randint(1, 2)):
        lines = text.split("\n")
        at, end = sorted(rng.randrange(len(text) + 1) for _ in range(2))
        end = min(end, at + rng.choice((1, 3, 20, 400)))
        line = rng.randrange(len(lines))
        how = rng.randrange(9)
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
        elif how == 6:
            text = text[:at]
        elif how == 7:
            # One character becomes another of the same look, or of none.
            text = text[:at] + rng.choice("аｅ\u00a0\u200b\u3000\u2212’“；：\t") + text[at + 1 :]
        else:
            text = text.replace("\n", rng.choice(("\r", "\r\n", "\u2028", "\n\n", " ", "")))
    return text


def number_changed(rng: random.Random, text: str) -> str:
    """Returns a text in which one number is an extreme one."""
    found = list(re.finditer(r"-?\d+(\.\d+)?", text))
    if not found:
        return text
    at = rng.choice(found)
    odd = [*"-1 0 1e999 1e-400 NaN -0 0x1f 1_000 ٤ 1e18 1.5".split(), "9" * 30, "9" * 5000]
    return text[: at.start()] + rng.choice(odd) + text[at.end() :]


def key_twice(rng: random.Random, text: str) -> str:
    """Returns JSON or YAML in which one key comes twice, with another value."""
    found = list(re.finditer(r'("?[\w.]+"?): ?(?=[^\s{\[])', text))
    if not found:
        return text
    at = rng.choice(found)
    indent = at.start() - text.rfind("\n", 0, at.start()) - 1
    between = ", " if at[1].startswith('"') else "\n" + " " * indent
    value = rng.choice(("0", "[]", "null", "-1"))
    return f"{text[: at.start()]}{at[1]}: {value}{between}{text[at.start() :]}"


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


def replace_file(rng: random.Random, path: Path) -> None:
    """Puts something else in the place of a file, or takes it away."""
    content = path.read_bytes()
    path.unlink()
    what = rng.randrange(12)
    if what == 0:
        path.mkdir()
    elif what == 1:
        path.symlink_to(path.name)
    elif what == 2 and hasattr(os, "mkfifo"):
        os.mkfifo(path)
    elif what == 3:
        path.write_bytes(b"")
    elif what == 4:
        path.symlink_to(rng.choice(("/dev/zero", "/dev/null", "/", "..", "nowhere", "/etc/passwd")))
    elif what == 5:
        path.write_bytes(gzip.compress(content))
    elif what == 6:
        # More than anybody has: a piece of it, over and over.
        path.write_bytes((content[:2000] or b"x") * 4000)
    elif what == 7:
        path.write_bytes(b"\x00" * 3_000_000)
    elif what == 8:
        others = [one for one in sorted(path.parent.iterdir()) if one.is_file()]
        path.write_bytes(rng.choice(others).read_bytes() if others else b"")
    elif what == 9:
        path.write_bytes(content + content)
    elif what == 10:
        path.write_bytes(b"[" * 200_000)


def damage_file(rng: random.Random, path: Path) -> None:
    """Damages a file in the way that suits it, or puts something else in its place."""
    how = rng.random()
    if how < 0.1:
        replace_file(rng, path)
        return
    content = path.read_bytes()
    if path.suffix == ".json" and how < 0.7:
        with contextlib.suppress(ValueError):
            value = damaged_value(rng, json.loads(content))
            path.write_text(json.dumps(value), "utf-8", errors="surrogatepass")
            return
    if how < 0.9 and path.suffix not in (".safetensors", ".parquet", ".model"):
        text = content.decode("utf-8", errors="replace")
        if how > 0.85:
            encoding = rng.choice(ENCODINGS)
            path.write_bytes(text.encode(encoding, errors="replace"))
            return
        damage = rng.choice((damaged_text, damaged_text, number_changed, key_twice))
        path.write_text(damage(rng, text), "utf-8", errors="surrogatepass")
        return
    if path.suffix == ".safetensors" and rng.random() < 0.6:
        path.write_bytes(damaged_tensors(rng, content))
        return
    path.write_bytes(damaged_bytes(rng, content))


def damaged_tensors(rng: random.Random, content: bytes) -> bytes:
    """Returns a safetensors file whose header says something else of its tensors."""
    size = int.from_bytes(content[:8], "little")
    try:
        header = json.loads(content[8 : 8 + size])
        name = rng.choice(sorted(header))
    except (ValueError, TypeError, IndexError):  # it was damaged before
        return damaged_bytes(rng, content)
    how = rng.randrange(6)
    if how == 0:
        header[rng.choice(("x", "", name + ".x", "a" * 500, "\ud800"))] = header.pop(name)
    elif how == 1:
        del header[name]
    elif not isinstance(header[name], dict):
        header = damaged_value(rng, header)
    elif how == 2:
        header[name] = {**header[name], "dtype": rng.choice(("F16", "I64", "F8_E4M3", "BOOL", "X"))}
    elif how == 3:
        header[name] = {**header[name], "shape": rng.choice(([], [0], [-1], [1, 1], [2**40], "x"))}
    else:
        header = damaged_value(rng, header)
    text = json.dumps(header).encode()
    told = rng.choice((len(text), len(text), len(text), 0, 2**63, 2**64 - 1, len(text) + 7))
    return told.to_bytes(8, "little") + text + content[8 + size :]
