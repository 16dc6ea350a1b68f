"""Text, JSON and YAML: every encoding gives the same text, and what is wrong is one line."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.config import formats
from intertrain_jax.config.formats import (
    check_is_itself,
    decode,
    misread_word,
    parse_json,
    parse_yaml,
    read_json,
    read_text,
)

TEXT = "naïve “quotes” – 5 €\n"
ENCODINGS = {
    "utf-8": None,
    "utf-8-sig": None,
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
    "utf-32": "UTF-32",
    "cp1252": "cp1252",
}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_text_is_the_same_in_every_encoding(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.txt").write_bytes(TEXT.encode(encoding))
    (tmp_path / "a.txt.GZ").write_bytes(gzip.compress(TEXT.encode(encoding)))
    for name in ("a.txt", "a.txt.GZ"):
        assert read_text(tmp_path / name) == (TEXT, ENCODINGS[encoding])


@pytest.mark.parametrize("damaged", ["grün".encode()[:-1] + b"\xff", "日本".encode()[:-1], b"\x81"])
def test_damaged_utf_8_is_no_other_encoding(damaged: bytes) -> None:
    content = "ü".encode() + damaged if damaged != b"\x81" else damaged
    with pytest.raises(UnicodeDecodeError):
        decode(content)


def _missing(path: Path) -> None:
    """Writes nothing."""


@pytest.mark.parametrize(
    ("name", "make", "message"),
    [
        ("gone.json", _missing, "No such file"),
        ("pipe.json", os.mkfifo, "it is no file"),
        ("folder.json", Path.mkdir, "it is no file"),
        ("a.json.gz", lambda path: path.write_bytes(b"{}"), "Not a gzipped file"),
        (
            "a.json",
            lambda path: path.write_bytes(b"\xff\xfe\x00"),
            r"can't decode.*\)\. Save it as UTF-8",
        ),
    ],
)
def test_what_cannot_be_read_is_named(
    tmp_path: Path, name: str, make: Callable[[Path], Any], message: str
) -> None:
    make(tmp_path / name)
    with pytest.raises(IntertrainError, match=rf"{name}' cannot be read \(.*{message}") as caught:
        read_json(tmp_path / name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("begins", "said"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid", "pointer of Git LFS .*git lfs pull"),
        (b"\xef\xbb\xbf\r\n<!DOCTYPE HTML><p>Sign in", "a web page"),
        (b"<HTML lang=en>", "a web page"),
        (b"PK\x03\x04 and more", "an archive, .* unpack it"),
        (b"\xd0\xcf\x11\xe0 and more", r"an \.xls file"),
        (b"%PDF-1.7", "a PDF"),
        (b"SQLite format 3\0", "an SQLite database"),
        (b"PAR1", "a Parquet file"),
        (b"\x1f\x8b\x08", r"compressed by gzip. Let its name end in \.gz"),
    ],
)
def test_a_file_of_another_kind_is_called_by_it(tmp_path: Path, begins: bytes, said: str) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(begins)
    with pytest.raises(IntertrainError, match=rf"config\.json' is .*{said}"):
        read_json(path)
    with pytest.raises(IntertrainError, match=rf"^'card' is .*{said}"):
        check_is_itself(path, "'card'")
    path.write_bytes(b'{"a": "<html>"}')
    check_is_itself(path)


def test_what_unfolds_beyond_measure_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(formats, "_SMALL", 1000)
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(b" " * 100_000))
    with pytest.raises(IntertrainError, match="unfolds to more than 200 times its size"):
        read_text(path)
    path.write_bytes(gzip.compress(bytes(range(32, 127)) * 10))
    assert len(read_text(path)[0]) == 950


DEEP = "[" * 200_000
JSON_ERRORS = {
    '{"a": 1,\n"a": 2}': "key 'a' is there twice",
    '{"b": {"a": 1, "a": 1.0}}': "key 'a' is there twice",
    '{"a": \n}': r"not valid JSON \(Expecting value at line 2, column 1\)",
    DEEP: "nested too deeply",
    "9" * 5000: r"not valid JSON \(Exceeds the limit",
    "": "Expecting value",
}


@pytest.mark.parametrize("text", JSON_ERRORS, ids=range(len(JSON_ERRORS)))
def test_what_is_no_json_is_one_line(text: str) -> None:
    with pytest.raises(IntertrainError, match="^f.json: .*" + JSON_ERRORS[text]) as caught:
        parse_json(text, "f.json")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


def test_json_is_read_as_it_is_written(tmp_path: Path) -> None:
    value = {"a": [1, 2.5, None, {"b": "ü\ud800"}], "c": {}}
    (tmp_path / "f.json").write_text(json.dumps(value), "utf-8-sig")
    assert read_json(tmp_path / "f.json") == value
    assert parse_json('{"a": 1, "a": 1}', "f") == {"a": 1}, "twice the same is no question"


@pytest.mark.parametrize("text", ["5e-5", "5.0e-5", "0.00005", "5E-5", "+5e-5"])
def test_yaml_reads_scientific_numbers(text: str) -> None:
    assert parse_yaml(f"rate: {text}", "x") == {"rate": 5e-5}


def test_yaml_leaves_words_alone() -> None:
    assert parse_yaml("[e5, 1e, 5e-x, 20_newsgroups]", "x") == ["e5", "1e", "5e-x", "20_newsgroups"]


def test_yaml_refuses_a_key_given_twice() -> None:
    with pytest.raises(IntertrainError, match=r"'f.yaml' is not valid YAML at line 2: key 'a'"):
        parse_yaml("a: 1\na: 2", "f.yaml")


def test_yaml_error_names_file_and_line_on_one_line() -> None:
    with pytest.raises(IntertrainError, match=r"'f.yaml' is not valid YAML at line \d") as caught:
        parse_yaml("a: [1, 2\nb: 3", "f.yaml")
    assert "\n" not in str(caught.value)


def test_yaml_runs_no_code() -> None:
    with pytest.raises(IntertrainError, match="not valid YAML"):
        parse_yaml("!!python/object/apply:os.getcwd []", "x")


LAUGHS = "\n".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9))
YAML_ERRORS = [
    "name: !!timestamp 2001-99-99",
    "seeds: !!int ''",
    "seeds: !!bool abc",
    "seeds: 0b_",
    "a: " + "[" * 5000,
    "a: " + "9" * 5000,
    "a: \x00",
    "a: &a [*a]",
    "a: &a {b: *a}",
    "a0: &a0 [x]\n" + LAUGHS,
    "? [a, b]\n: {c: ",
    'a: ["\\ud83d"]',
    '"\\udc00": 1',
]


@pytest.mark.parametrize("text", YAML_ERRORS, ids=range(len(YAML_ERRORS)))
def test_what_is_no_yaml_is_one_line(text: str) -> None:
    with pytest.raises(IntertrainError, match=r"^'f.yaml' is not valid YAML") as caught:
        parse_yaml(text, "f.yaml")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


def test_an_alias_may_be_used_twice() -> None:
    assert parse_yaml("a: &a [1]\nb: *a\nc: *a", "f") == {"a": [1], "b": [1], "c": [1]}
    assert parse_yaml('a: "\\U0001F600\\n"', "f") == {"a": "😀\n"}


def test_yaml_beyond_measure_is_refused_before_it_is_read() -> None:
    with pytest.raises(
        IntertrainError, match=r"'big' is not valid YAML: it has 6,000,000 characters"
    ):
        parse_yaml("- a\n" * 1_500_000, "big")


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1251", "дом и сад"),
        ("cp1253", "καλημέρα σας"),
        ("cp1255", "שלום לכם"),
        ("cp1256", "مرحبا بكم"),
        ("koi8-r", "дом и сад"),
        ("cp1250", "była zła, obsługa miła, chciał"),
        ("cp1254", "ılık bir kış ışıkları sarı kızıl"),
    ],
)
def test_other_code_pages_are_not_read_as_cp1252(encoding: str, text: str) -> None:
    assert misread_word(text.encode(encoding).decode("cp1252", "replace")) is not None


@pytest.mark.parametrize(
    "text",
    [
        "Für Gäste: Grüße aus Köln, 5 € – „schön“",
        "été, déjà vu, garçon naïf; l´eau, n°5, l’œuvre « là »…",
        "¿Qué? ¡Año! nº 3, 1ª col·legi, 20 °C ±1, 3 × 4, A® B™ C©",
        "Þetta er ný íslensk setning um ýmislegt og það sem þýðir",
        "smørrebrød på øen, åben; ação, não, coração",
        "été",
        "plain words only",
    ],
)
def test_texts_of_western_languages_are_cp1252(text: str) -> None:
    assert misread_word(text) is None
