"""Files as people have them, for tests: some are read right, others cannot be used, and why."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_THINGS = ("soup", "film", "hotel", "phone", "train")
_WORDS = ("cold", "long", "clean", "slow", "late", "warm", "bright")
TEXTS = [f"The {_THINGS[k % 5]} was {_WORDS[k % 7]} on day {k}" for k in range(24)]
LABELS = ["good" if k % 3 else "bad" for k in range(24)]
ROWS = [[text, label] for text, label in zip(TEXTS, LABELS, strict=True)]
HEADER = ["text", "label"]


def table(
    rows: Sequence[Sequence[Any]] = ROWS,
    header: Sequence[str] = HEADER,
    separator: str = ",",
    before: str = "",
) -> str:
    """Returns rows as separated fields."""
    buffer = io.StringIO(newline="")
    buffer.write(before)
    writer = csv.writer(buffer, delimiter=separator, lineterminator="\n")
    writer.writerows([header, *rows])
    return buffer.getvalue()


def put(folder: Path, name: str, content: str | bytes) -> Path:
    """Writes one file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def labelled(*labels: Any) -> list[list[Any]]:
    """Returns the rows with other labels, over and over."""
    return [[text, labels[k % len(labels)]] for k, text in enumerate(TEXTS)]


@dataclass(frozen=True)
class Right:
    """A file that is read right.

    Attributes:
        content: of it.
        name: of it.
        texts: columns of texts.
        label: column of labels.
        labels: names of the labels, None for numbers to predict.
        rows: how many there are.
        options: of `own_task`.
    """

    content: str | bytes
    name: str = "mine.csv"
    texts: tuple[str, ...] = ("{text}",)
    label: str = "label"
    labels: tuple[str, ...] = ("bad", "good")
    rows: int = 24
    options: tuple[tuple[str, str], ...] = ()


DICTS = [{"text": text, "label": label} for text, label in ROWS]
_UMLAUTS = [[f"{text} — für „Gäste“ 5 €", label] for text, label in ROWS]
_LONG = [[f'{text}, and\nthen "twice"; so', label] for text, label in ROWS]
_SENTENCE = "The person who wrote this thought that what it is about was altogether {}"

RIGHT = {
    "commas": Right(table()),
    "semicolons and a mark": Right(b"\xef\xbb\xbf" + table(separator=";").encode()),
    "tabs": Right(table(separator="\t"), "mine.tsv"),
    "tabs in a .csv": Right(table(separator="\t")),
    "what Excel says separates": Right(table(separator=";", before="sep=;\n")),
    "UTF-16": Right(table(_UMLAUTS, separator="\t").encode("utf-16")),
    "cp1252": Right(table(_UMLAUTS, separator=";").encode("cp1252")),
    "quotes and newlines in fields": Right(table(_LONG)),
    "lines end as on Windows, blank ones between": Right(table().replace("\n", "\r\n\r\n")),
    "gzipped": Right(gzip.compress(table().encode()), "mine.csv.gz"),
    "numbers of rows first, as pandas writes": Right(
        table([[k, *row] for k, row in enumerate(ROWS)], ["", *HEADER])
    ),
    "the same, saved twice": Right(
        table([[k, k, *row] for k, row in enumerate(ROWS)], ["", "Unnamed: 0", *HEADER])
    ),
    "empty columns behind": Right(table([[*row, "", ""] for row in ROWS], [*HEADER, "", ""])),
    "columns without names, as pandas numbers them": Right(
        table(header=["0", "1"]), texts=("{0}",), label="1"
    ),
    "labels of numbers with .0": Right(table(labelled("1.0", "2.0")), labels=("1", "2")),
    "truth values": Right(table(labelled("True", "FALSE", "true")), labels=("false", "true")),
    "truth values that are words and numbers": Right(
        "\n".join(
            json.dumps({"text": t, "label": (True, False, 1, 0)[k % 4]})
            for k, t in enumerate(TEXTS)
        ),
        "mine.jsonl",
        labels=("false", "true"),
    ),
    "semicolons, and one comma in every line": Right(
        table(
            [[f"{text}, by and by", label] for text, label in ROWS],
            ["text, or so", "label"],
            separator=";",
        ).replace('"', ""),
        texts=("{text, or so}",),
    ),
    "texts of lines with as many commas as columns": Right(
        table([[f"{text}, on\nthe whole, good", label] for text, label in ROWS])
    ),
    "what Excel says separates, in capitals": Right(table(separator=";", before="SEP=;;\n")),
    "a class that is called like the column": Right(
        table(labelled("spam", "ham"), ["comment", "spam"]),
        texts=("{comment}",),
        label="spam",
        labels=("ham", "spam"),
    ),
    "whole numbers of more digits than a float has": Right(
        table(labelled("9007199254740993", "9007199254740992")),
        labels=("9007199254740993", "9007199254740992"),
    ),
    "JSON rows below a name of their own": Right(
        json.dumps({"count": 24, "result": {"items": DICTS}}), "mine.json"
    ),
    "JSON rows below their ids": Right(
        json.dumps({f"row {k}": row for k, row in enumerate(DICTS)}), "mine.json"
    ),
    "JSON as pandas writes it by rows": Right(
        json.dumps({str(k): row for k, row in enumerate(DICTS)}), "mine.json"
    ),
    "JSON as pandas writes it by columns": Right(
        json.dumps({n: {str(k): row[n] for k, row in enumerate(DICTS)} for n in HEADER}),
        "mine.json",
    ),
    "yes and no": Right(table(labelled("yes", "no")), labels=("no", "yes")),
    "blanks about labels": Right(table(labelled("good", "bad ", " good"))),
    "-1, 0 and 1": Right(table(labelled("-1", "0", "1")), labels=("-1", "0", "1")),
    "fractions that never repeat, beside pairs": Right(
        table(
            [[text, text[::-1], f"{k / 7:.3f}"] for k, text in enumerate(TEXTS)],
            ["sentence1", "sentence2", "score"],
        ),
        texts=("{sentence1}", "{sentence2}"),
        label="score",
        labels=(),
    ),
    "labels that are sentences": Right(
        table(labelled(*(_SENTENCE.format(word) for word in ("bad", "good")))),
        labels=(_SENTENCE.format("bad"), _SENTENCE.format("good")),
    ),
    "fractions": Right(table(labelled("1.5", "2", "4.25")), labels=()),
    "texts under label, labels under text": Right(
        table(header=["label", "text"]), texts=("{label}",), label="text"
    ),
    "columns in another language": Right(
        table(separator=";", header=["Kommentar", "Bewertung"]),
        texts=("{Kommentar}",),
        label="Bewertung",
    ),
    "ids, dates and a language beside": Right(
        table(
            [
                [f"t-{k:04}", f"2024-01-{1 + k % 9:02}", "en" if k % 2 else "de", *row, k % 5]
                for k, row in enumerate(ROWS)
            ],
            ["tweet_id", "created", "lang", "body", "queue", "likes"],
        ),
        texts=("{body}",),
        label="queue",
    ),
    "pairs": Right(
        table(
            [[*row[:1], f"It was {_WORDS[k % 4]}", *row[1:]] for k, row in enumerate(ROWS)],
            ["Premise", "Hypothesis", "gold_label"],
        ),
        texts=("{Premise}", "{Hypothesis}"),
        label="gold_label",
    ),
    "pairs by number": Right(
        table([[label, text[::-1], text] for text, label in ROWS], ["y", "sent_2", "sent_1"]),
        texts=("{sent_1}", "{sent_2}"),
        label="y",
    ),
    "numbers and their names": Right(
        table([[t, n == "good", n] for t, n in ROWS], ["text", "label", "label_text"]),
        label="label_text",
    ),
    "options": Right(
        table([[t, n, n, t] for t, n in ROWS], ["a", "b", "c", "d"]),
        texts=("{a} / {d}", "{d}"),
        label="c",
        options=(("text", "{a} / {d}"), ("text2", "d"), ("label", "c")),
    ),
    "JSON": Right(json.dumps(DICTS), "mine.json"),
    "JSON of columns": Right(json.dumps({"text": TEXTS, "label": LABELS}), "mine.json"),
    "JSON below data": Right(json.dumps({"version": 1, "data": DICTS}), "mine.json"),
    "JSON lines": Right("\n".join(map(json.dumps, DICTS)), "mine.jsonl"),
    "labels true and false in JSON": Right(
        json.dumps([{**row, "label": row["label"] == "good"} for row in DICTS]),
        "mine.json",
        labels=("false", "true"),
    ),
    "a NUL in a text": Right(table([["a\0b c d e f", "good"], *ROWS]), rows=25),
}


@dataclass(frozen=True)
class Wrong:
    """A file that cannot be used.

    Attributes:
        content: of it.
        says: what the one line must have in it, in this order.
        name: of it.
        options: of `own_task`.
    """

    content: str | bytes
    says: tuple[str, ...]
    name: str = "mine.csv"
    options: tuple[tuple[str, str], ...] = ()


_MANY = [[f"{text}, no {k}", f"reason {k % 300}"] for k in range(500) for text in TEXTS[:1]]

WRONG = {
    "no header": Wrong(
        table(ROWS[1:], ROWS[0]), ("line 1", "name the columns", "'bad'", "Put a line")
    ),
    "no header, numbers": Wrong(
        table(labelled(0, 1)[1:], [TEXTS[0], "0"]), ("line 1", "'0'", "Put a line")
    ),
    "header twice": Wrong(
        table([*ROWS[:5], HEADER, *ROWS[5:]]),
        ("row 6 (line 7)", "repeats the names", "Remove 1 row"),
    ),
    "a merged header of Excel": Wrong(
        table([HEADER, *ROWS], ["Survey 2024", ""]),
        ("line 2", "'label'", "without a name", "name the"),
    ),
    "a column name twice": Wrong(
        table([[t, n, n] for t, n in ROWS], ["text", "label", "label"]),
        ("two columns 'label'", "Rename"),
    ),
    "a row with too many fields": Wrong(
        table([*ROWS[:3], ["one", "two", "three"], *ROWS]), ("line 5", "3 fields", "mend that line")
    ),
    "quotes that do not pair": Wrong(
        table() + '"The end,good\n', ("line 26", "quotes do not pair", "twice")
    ),
    "nothing": Wrong("", ("has no rows", "at least 10", "Add rows")),
    "a header alone": Wrong("text,label\n", ("has no rows", "Add rows")),
    "three rows": Wrong(table(ROWS[:3]), ("has 3 rows", "at least 10", "Add rows")),
    "one column": Wrong(
        table([[t] for t in TEXTS], ["text"]), ("one column, 'text'", "semicolons")
    ),
    "one class": Wrong(
        table(labelled("good")), ("'label'", "the one value 'good' in all 24 rows", "--label")
    ),
    "a label of free text": Wrong(
        table(_MANY), ("'label'", "free text", "300 values in 500 rows", "'reason 0'", "--label")
    ),
    "ids for labels": Wrong(
        table([[t, f"T-{k:04}"] for k, t in enumerate(TEXTS)]),
        ("looks like an id", "24 values", "--label"),
    ),
    "rows without a label": Wrong(
        table([*ROWS[:4], ["Not known", ""], *ROWS[4:], ["Neither", " "]]),
        ("'label'", "no value in 2 of 26 rows", "row 5 (line 6)", "Remove these rows", "--label"),
    ),
    "numbers without a label": Wrong(
        json.dumps([{"text": t, "label": None if k == 7 else k % 2} for k, t in enumerate(TEXTS)]),
        ("'label'", "no value in 1 of 24 rows", "row 8", "Remove"),
        "mine.json",
    ),
    "rows without a text": Wrong(
        table([*ROWS[:4], ["", "good"], *ROWS[4:]]),
        ("'text'", "no value in 1 of 25 rows", "row 5 (line 6)", "Remove", "--text"),
    ),
    "labels that differ in case": Wrong(
        table([*ROWS, ["Once more", "Good "]]),
        ("'label'", "'Good' in 1 row", "row 25 (line 26)", "'good' in 16 rows", "Write one"),
    ),
    "labels that differ in how accents are written": Wrong(
        table(labelled("caf\u00e9", "cafe\u0301", "bar")),
        ("'label'", "in 8 rows", "row 2 (line 3)", "how accents are written", "Write one"),
    ),
    "one number in two writings": Wrong(
        table(labelled("01", "1", "2")),
        ("'label'", "'1' in 8 rows", "row 2 (line 3)", "'01' in 8 rows", "one value", "Write one"),
    ),
    "a truth value and its number among words": Wrong(
        table(labelled("true", "1", "maybe")), ("'label'", "one value in two writings")
    ),
    "labels that differ in what nobody sees": Wrong(
        table(labelled("neg", "neg\u200b", "pos", "pos")),
        ("'label'", "'neg\\u200b' in 6 rows", "row 2 (line 3)", "nobody sees", "Write one"),
    ),
    "half a character in a label": Wrong(
        "\n".join(
            json.dumps({"text": t, "label": ("x", "\ud83d")[k % 2]}) for k, t in enumerate(TEXTS)
        ),
        ("row 2 in column 'label'", "half a character", "Mend that row (line 2)"),
        "mine.jsonl",
    ),
    "no header, and a class with the name of labels": Wrong(
        table(labelled("ham", "spam"), [_SENTENCE.format("bad"), "spam"]),
        ("line 1", "must name the columns", "The person who", "Put a line"),
    ),
    "no header, short texts, and such a class": Wrong(
        table(labelled("ham", "spam"), ["so it was", "spam"]),
        ("line 1", "must name the columns", "'spam' looks like a value", "Put a line"),
    ),
    "no header, and a text that ends in the name of texts": Wrong(
        table(labelled("ham", "spam"), [_SENTENCE.format("a message"), "ham"]),
        ("line 1", "must name the columns", "Put a line"),
    ),
    "two quotes far apart": Wrong(
        table().replace(TEXTS[5], f'"{TEXTS[5]}').replace(TEXTS[9], f'{TEXTS[9]}"'),
        ("line 7", "ends in line 11 only", "looks like a row", "quote inside of quotes twice"),
    ),
    "two quotes far apart among semicolons": Wrong(
        table(separator=";").replace(TEXTS[5], f'"{TEXTS[5]}').replace(TEXTS[6], f'{TEXTS[6]}"'),
        ("line 7", "ends in line 8 only", "looks like a row"),
    ),
    "Russian in cp1251": Wrong(
        table([[f"хорошая книга {k}", label] for k, (_, label) in enumerate(ROWS)]).encode(
            "cp1251"
        ),
        ("neither UTF-8 nor cp1252", "õîðîøàÿ", "Save it as UTF-8"),
    ),
    "Polish in cp1250": Wrong(
        table([[f"obsługa była zła {k}", label] for k, (_, label) in enumerate(ROWS)]).encode(
            "cp1250"
        ),
        ("neither UTF-8 nor cp1252", "obs³uga", "Save it as UTF-8"),
    ),
    "Turkish in cp1254": Wrong(
        table([[f"ılık ışık kırık {k}", label] for k, (_, label) in enumerate(ROWS)]).encode(
            "cp1254"
        ),
        ("neither UTF-8 nor cp1252", "Save it as UTF-8"),
    ),
    "an average below grades": Wrong(
        table([*labelled("1", "2", "3"), ["On average", "2.04"]]),
        (
            "'label' has 3 whole numbers",
            "1 row with a fraction",
            "row 25 (line 26), 2.04",
            "Remove",
        ),
    ),
    "a word among scores that never repeat": Wrong(
        table(
            [*([t, f"{k / 7:.3f}"] for k, t in enumerate(TEXTS)), ["Once", "n/a"]],
            ["text", "score"],
        ),
        ("'score' has numbers", "1 row with something else", "row 25 (line 26)", "'n/a'"),
    ),
    "a list of labels beside a guess": Wrong(
        json.dumps([{"text": t, "label": [n], "label-suggestion": n} for t, n in ROWS]),
        ("'label' holds lists or mappings", "one label a row"),
        "mine.json",
    ),
    "thousands": Wrong(
        table(labelled("1,000", "2,000", "3"), separator=";"), ("'1,000'", "1000 if that is")
    ),
    "NULL as MySQL writes it": Wrong(
        table(labelled("\\N", "yes", "no")),
        ("'label'", "no value in 8 of 24 rows", "row 1 (line 2)"),
    ),
    "scores without fractions": Wrong(
        table([[t, 3 * k] for k, t in enumerate(TEXTS)]), ("looks like an id", "metric: spearman")
    ),
    "one text twice": Wrong(
        table(),
        ("two texts of a pair must differ", "'text'", "--text2"),
        options=(("text", "text"), ("text2", "text")),
    ),
    "the label in a template": Wrong(
        table(),
        ("'label' cannot be texts and labels",),
        options=(("text", "{text} {label}"), ("label", "label")),
    ),
    "no label, as tables write it": Wrong(
        table(labelled("nan", "yes", "no")),
        ("'label'", "no value in 8 of 24 rows", "row 1 (line 2)", "Remove", "--label"),
    ),
    "decimal commas": Wrong(
        table(labelled("1,5", "2,0", "3"), separator=";"),
        ("'label'", "decimal comma", "'1,5'", "Write 1.5"),
    ),
    "a word among numbers": Wrong(
        table([*labelled("1.5", "2.5"), ["Once more", "n/a"]]),
        ("'label'", "1 row with something else", "row 25 (line 26)", "'n/a'", "Correct"),
    ),
    "-1 beside 0, 1 and 2": Wrong(
        table(labelled("-1", "0", "1", "2")),
        ("-1 in 6 rows", "row 1 (line 2)", "Remove these rows"),
    ),
    "nested JSON": Wrong(
        json.dumps([{"text": {"en": t}, "label": n} for t, n in ROWS]),
        ("no column besides 'label' looks like texts", "'text' (nested)", "--text"),
        "mine.json",
    ),
    "lists of labels": Wrong(
        json.dumps([{"text": t, "label": [n]} for t, n in ROWS]),
        ("'label'", "lists or mappings", "one label a row"),
        "mine.json",
        (("label", "label"),),
    ),
    "a JSON of one deep object": Wrong(
        json.dumps({"result": {"items": "none"}}), ("has 1 row", "at least 10"), "mine.json"
    ),
    "a comment before the header": Wrong(
        table(before="# exported by a tool, version 3\n"),
        ("line 1", "looks like a comment", "Remove what is before"),
    ),
    "two files joined, each with its mark": Wrong(
        table() + "\ufeff" + table(), ("row 25 (line 26)", "repeats the names of the columns")
    ),
    "an ending that says nothing": Wrong(
        table(), ("unknown format", ".csv", "let its name end so"), "mine.txt"
    ),
    "JSON that is cut off": Wrong(
        json.dumps(DICTS)[:-20], ("mine.json", "not valid JSON", "Mend it"), "mine.json"
    ),
    "a spreadsheet": Wrong(
        b"PK\x03\x04 and so on", ("is a spreadsheet", "Save its sheet as CSV"), "mine.xlsx"
    ),
    "a spreadsheet named .csv": Wrong(
        b"PK\x03\x04 and so on", ("an archive", "Save its sheet as CSV")
    ),
    "a Word file": Wrong("Dear all", ("unknown format", ".csv", "Convert it"), "mine.docx"),
    "a column that is not there": Wrong(
        table(),
        ("no column 'lable'", "'text', 'label'", "Did you mean 'label'", "--label"),
        options=(("label", "lable"),),
    ),
    "one column for both": Wrong(
        table(),
        ("'label' cannot be texts and labels",),
        options=(("text", "label"), ("label", "label")),
    ),
    "a brace in a name": Wrong(
        table(header=["te{x}t", "label"]), ("line 1", "'te{x}t'", "brace", "Rename")
    ),
    "numbers alone": Wrong(
        table([[k, k % 2] for k in range(24)], ["size", "label"]),
        ("no column besides 'label' looks like texts", "'size' (number)"),
    ),
}
