"""Files of rows: every format holds the same, and what cannot be read is named."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.data.row_files import SUFFIXES, RawSplit, joined, read_rows, suffix_of
from tests.row_files import write

# Without a time in it: it is in a test's name, which all processes that run the tests must give it.
CUT_GZIP = gzip.compress(b"a,b\n1,2\n" * 99, mtime=0)[:-12]
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 12\n"
# What formats get wrong: quotes, separators, ends of lines, other scripts, empty texts, spaces, length.
TEXTS = [
    'say "no", twice',
    "two\nlines",
    "a\r\nb",
    "日本語 ü",
    "",
    " spaced ",
    "x" * 150_000,
    "a\tb;c",
]


@pytest.mark.parametrize("suffix", [*SUFFIXES, ".CSV", ".Json", ".JSONL.GZ"])
def test_every_format_gives_back_what_was_written(tmp_path: Path, suffix: str) -> None:
    rows: list[dict[str, Any]] = [{"text": text, "label": k} for k, text in enumerate(TEXTS)]
    found = read_rows(write(tmp_path / f"train{suffix}", rows))
    if suffix.lower()[:4] in (".csv", ".tsv"):  # which have no numbers
        rows = [{**row, "label": str(row["label"])} for row in rows]
    assert found.rows == rows and not found.notes
    assert suffix_of(f"train{suffix}") == suffix.lower()


def test_numbers_and_nothing_keep_their_types_beside_each_other(tmp_path: Path) -> None:
    values = [{"a": 1, "b": "x", "c": True}, {"a": None, "b": None, "c": None}]
    for suffix in (".jsonl", ".json"):
        assert read_rows(write(tmp_path / f"a{suffix}", values)).rows == values
    frame = pd.DataFrame(values).astype({"a": "Int64", "c": "boolean"})
    frame.to_parquet(tmp_path / "a.parquet")
    assert read_rows(tmp_path / "a.parquet").rows == values


@pytest.mark.parametrize(
    "content",
    [
        '[{"a": "x", "b": 1}, {"a": "y", "b": 2}]',
        '{"a": "x", "b": 1}\n{"a": "y", "b": 2}\n',
        '\ufeff{"a": "x", "b": 1}\r\n\r\n{"a": "y", "b": 2}',
        '{"version": 1, "data": [{"a": "x", "b": 1}, {"a": "y", "b": 2}]}',
        '{"a": ["x", "y"], "b": [1, 2]}',
        '{"a": {"0": "x", "1": "y"}, "b": {"0": 1, "1": 2}}',
        '{"columns": ["a", "b"], "index": [0, 1], "data": [["x", 1], ["y", 2]]}',
    ],
)
def test_a_json_document_has_one_of_the_usual_shapes(tmp_path: Path, content: str) -> None:
    path = tmp_path / "train.json"
    path.write_text(content, "utf-8")
    assert read_rows(path).rows == [{"a": "x", "b": 1}, {"a": "y", "b": 2}]


@pytest.mark.parametrize("indent", [None, 1])
def test_a_file_of_lines_may_be_one_list(tmp_path: Path, indent: int | None) -> None:
    rows = [{"a": "x", "b": 1}, {"a": "y", "b": 2}]
    path = tmp_path / "train.jsonl"
    path.write_text(json.dumps(rows, indent=indent), "utf-8")
    assert read_rows(path).rows == rows


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.json.gz", "a.parquet", "saved"])
def test_a_pipe_is_not_waited_for(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "saved":
        path.mkdir()
        (path / "state.json").write_text('{"_data_files": [{"filename": "x.arrow"}]}')
        os.mkfifo(path / "x.arrow")
    else:
        os.mkfifo(path)
    with pytest.raises(
        IntertrainError, match=r"cannot be read \(it is no file\)\. Mend or replace"
    ):
        read_rows(path)


def test_pandas_writes_documents_that_are_read(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": ["x", "y"], "b": [1, 2]})
    for orient in ("records", "columns", "split", "table"):
        frame.to_json(tmp_path / "a.json", orient=orient)
        rows = read_rows(tmp_path / "a.json").rows
        assert [(row["a"], row["b"]) for row in rows] == [("x", 1), ("y", 2)], orient


def test_a_row_knows_its_line(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text('\n{"a": 1}\n  \n{"a": 2}\n')
    found = read_rows(path)
    assert found.rows == [{"a": 1}, {"a": 2}]
    assert found.place(2) == (f"{str(path)!r}, row 2", "Mend that row (line 4)")
    path.write_text('\n{"a": 1}\n\n{"a": \n')
    with pytest.raises(IntertrainError, match=r"train.jsonl', line 4: not valid JSON .* Mend that"):
        read_rows(path)
    assert RawSplit([{"a": 1}], "x").place(1) == ("'x', row 1", "Mend that row")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b"[1]\n", r"line 1: must be a JSON object .*, is a list\. Mend that line"),
        ("a.jsonl", b'{"a": 1}\n{"a": 1, "a": 2}\n', r"line 2: key 'a' is there twice"),
        ("a.jsonl", b"[" * 99_999, "line 1: not valid JSON .*nested too deeply"),
        ("a.jsonl.gz", b"not gzip", r"cannot be read \(Not a gzipped file"),
        ("a.csv.gz", CUT_GZIP, "cannot be read .*Mend or replace"),
        ("a.csv", "text,label\nü,1\n".encode() + b"\xff,1\n", "cannot be read .*can't decode"),
        ("a.jsonl", '{"text": "ü'.encode() + b'\xff"}\n', "cannot be read .*can't decode"),
        ("a.parquet", b"PAR1 and no more", "cannot be read"),
        ("a.csv", b"a,b,a\n1,2,3\n", r"two columns 'a'\. Rename or remove one"),
        ("a.xlsx", b"PK", r"unknown format; known are \.jsonl, .*\.parquet\. Convert it"),
        ("a.csv", LFS, r"pointer of Git LFS and not the file itself\. Run git lfs pull"),
        ("a.parquet", LFS, "pointer of Git LFS and not the file"),
        (
            "a.jsonl",
            b"\xef\xbb\xbf\n<!DOCTYPE HTML><p>Sign in",
            "is a web page",
        ),
        ("a.csv", b"<html lang=en>\n<body>a,b", "is a web page"),
        ("a.json", b"[1, 2]", r"must hold a list of objects"),
        ("a.json", b'{"a": [1], "b": [1, 2]}', r"must hold a list of objects"),
        ("a.json", b'{"a": {"0": 1}, "b": {"1": 1}}', r"must hold a list of objects"),
        ("a.json", b'[{"a": 1}', r"a.json': not valid JSON .*line 1"),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_named(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(IntertrainError, match=message) as caught:
        read_rows(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value) and "\n" not in str(caught.value)


def test_another_encoding_is_said(tmp_path: Path) -> None:
    for name, content in (("a.csv", "text,label\nnaïve,1\n"), ("a.jsonl", '{"text": "naïve"}\n')):
        for encoding, said in (("cp1252", "cp1252"), ("utf-16", "UTF-16")):
            (tmp_path / name).write_bytes(content.encode(encoding))
            found = read_rows(tmp_path / name)
            assert found.rows[0]["text"] == "naïve"
            assert found.notes == (f"{name} is not UTF-8 and is read as {said}",)


def test_saved_data_sets_are_read_with_their_names(tmp_path: Path) -> None:
    import datasets

    names = datasets.ClassLabel(names=["no", "yes"])
    features = datasets.Features({"text": datasets.Value("string"), "label": names})
    saved = datasets.Dataset.from_dict({"text": ["a", "b", "c"], "label": [1, 0, -1]}, features)
    saved.save_to_disk(str(tmp_path / "saved"), num_shards=2)
    saved.to_parquet(str(tmp_path / "a.parquet"))
    expected = [{"text": t, "label": n} for t, n in zip("abc", (1, 0, -1), strict=True)]
    for path in (tmp_path / "saved", tmp_path / "a.parquet"):
        found = read_rows(path)
        assert found.rows == expected and found.class_names == {"label": ("no", "yes")}
    (tmp_path / "saved" / "data-00001-of-00002.arrow").write_bytes(b"no stream")
    with pytest.raises(IntertrainError, match="saved' cannot be read"):
        read_rows(tmp_path / "saved")
    (tmp_path / "saved" / "state.json").write_text(json.dumps({"_data_files": None}))
    with pytest.raises(IntertrainError, match="names no data files"):
        read_rows(tmp_path / "saved")


def test_parts_are_joined_in_order(tmp_path: Path) -> None:
    parts = [read_rows(write(tmp_path / f"{k}.csv", [{"a": k}])) for k in (2, 1)]
    whole = joined(parts, "here")
    assert whole.rows == [{"a": "2"}, {"a": "1"}] and whole.origin == "here"
    assert whole.blank_is_missing
    assert whole.place(2) == (f"{str(tmp_path / '1.csv')!r}, row 1", "Mend that row (line 2)")
    assert joined(parts[:1], "here") is parts[0]
