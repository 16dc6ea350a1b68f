"""Looks at the columns of a table: what each holds, by its values, and what its name says."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from intertrain_jax.data.examples import NO_VALUE
from intertrain_jax.data.labels import is_missing, number_of
from intertrain_jax.data.row_files import RawSplit, Row

Kind = Literal["empty", "nested", "number", "date", "mark", "split", "words"]
_CLOCK = r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?( ?[AaPp][Mm])?( ?([-+]\d{2}:?\d{2}|Z|UTC))?"
_DATE = re.compile(rf"\d{{1,4}}[-./]\d{{1,2}}[-./]\d{{1,4}}([T ]+{_CLOCK})?|{_CLOCK}", re.ASCII)
# Addresses, and what machines call things: no blanks, and not only letters.
_ADDRESS = re.compile(r"(https?://|www\.)\S+|[^@\s]+@[^@\s]+\.\w+|@\w+")
_CODE = re.compile(r"(?=[^\s]*\d)[\w.:/#+-]{4,}", re.ASCII)
_DECIMAL_COMMA = re.compile(r"[-+]?\d{1,3}(\.\d{3})*,\d+|[-+]?\d+,\d+", re.ASCII)
_SPLIT_VALUES = {"train", "training", "validation", "valid", "val", "dev", "test", "testing"}
_MOSTLY = 0.95
# Beyond this a value is judged by its beginning: a column of books takes no longer than one of tweets.
_LOOKED_AT = 2000

_LABEL_NAMES = (
    *("label", "labels", "gold_label", "gold", "class", "classes", "target", "category"),
    *("categories", "y", "klasse", "kategorie", "categoria", "categorie", "clase", "classe"),
    *("etiqueta", "etiquette", "etikett"),
)
# These are often what is to be predicted, and sometimes something else.
_PERHAPS_LABELS = (
    *("sentiment", "emotion", "intent", "topic", "stance"),
    *("polarity", "stimmung", "thema", "tag", "genre", "queue", "department", "verdict"),
    *("decision", "spam", "toxic", "toxicity", "hate", "irony", "sarcasm", "rating", "ratings"),
    *("stars", "grade", "score", "similarity", "relatedness", "priority", "type", "answer"),
    *("annotation", "judgment", "judgement", "result", "outcome", "status"),
)
_TEXT_NAMES = (
    *("text", "texts", "sentence", "content", "review", "comment", "message", "tweet", "body"),
    *("document", "utterance", "post", "question", "query", "title", "headline", "description"),
    *("subject", "abstract", "paragraph", "passage", "input", "texte", "texto", "testo", "satz"),
    *("kommentar", "nachricht", "bewertung", "feedback", "complaint", "claim", "article"),
)
# Two columns of these names are read together, in this order.
_PAIRS = (
    *(("premise", "hypothesis"), ("question", "passage"), ("question", "paragraph")),
    *(("question", "sentence"), ("question", "context"), ("question", "document")),
    *(("query", "document"), ("query", "passage"), ("claim", "evidence"), ("context", "response")),
    *(("title", "content"), ("title", "text"), ("title", "body"), ("title", "description")),
    *(("title", "abstract"), ("subject", "body"), ("subject", "text"), ("subject", "message")),
    *(("headline", "body"), ("headline", "text"), ("summary", "text"), ("question", "answer")),
)
# What stands behind a label's name and leaves it one.
_TAILS = ("id", "ids", "idx", "name", "names", "text", "str", "code", "value", "num")
_WORD = re.compile(r"[^\W_]+")
_HUMP = re.compile(r"(?<=[a-zà-þ])(?=[A-Z])")


@dataclass(frozen=True)
class Column:
    """What a column holds.

    Attributes:
        name: of the column.
        count: rows that have a value.
        first_missing: number of the first row without one, from 1; None if all have one.
        kinds: how many values differ.
        kind: what most values are.
        numbers: whether every value is a number or a truth value.
        fractions: whether these are numbers with a fraction.
        words: words per value, on average.
        length: characters per value, on average.
        example: the first value.
        decimal_comma: a number that is written with a comma, where every value is a number.
        almost_numbers: whether most values are numbers, some with a fraction, and some are not.
    """

    name: str
    count: int
    first_missing: int | None
    kinds: int
    kind: Kind
    numbers: bool
    fractions: bool
    words: float
    length: float
    example: str = ""
    decimal_comma: str | None = None
    almost_numbers: bool = False

    @property
    def is_text(self) -> bool:
        """Whether people wrote the values, rather than chose them."""
        return self.kind == "words" and (self.words >= 4 or 2 * self.kinds > self.count)


def value_of(value: Any, from_table: bool) -> Any:
    """Returns a cell's value, None where it has none."""
    if is_missing(value) or (isinstance(value, str) and not value.strip()):
        return None
    return None if from_table and value in NO_VALUE else value


def columns_of(raw: RawSplit) -> dict[str, Column]:
    """Returns what every column that has a name holds, over all rows."""
    names = dict.fromkeys(name for row in raw.rows for name in row if name)
    return {name: _column(name, raw.rows, raw.blank_is_missing) for name in names}


def _column(name: str, rows: Sequence[Row], from_table: bool) -> Column:
    values, missing = [], None
    for number, row in enumerate(rows, 1):
        value = value_of(row.get(name), from_table)
        if value is None:
            missing = missing or number
        else:
            values.append(value)
    texts = [str(value).strip() for value in values]
    differ = set(texts)
    by_text = {text: number_of(text) for text in differ}
    numbers = bool(differ) and None not in by_text.values()
    fractions = numbers and any(not (n or 0.0).is_integer() for n in by_text.values())
    size = max(1, len(texts))
    comma = next((text for text in texts if _DECIMAL_COMMA.fullmatch(text)), None)
    if comma and not all(_DECIMAL_COMMA.fullmatch(t) or by_text[t] is not None for t in differ):
        comma = None
    return Column(
        name,
        len(values),
        missing,
        len(differ),
        _kind(values, texts, differ, numbers),
        numbers,
        fractions,
        sum(len(text[:_LOOKED_AT].split()) for text in texts) / size,
        sum(map(len, texts)) / size,
        texts[0] if texts else "",
        comma,
        not numbers and _are_mostly_fractions(texts, by_text),
    )


def _are_mostly_fractions(texts: Sequence[str], by_text: Mapping[str, float | None]) -> bool:
    known = [n for text in texts if (n := by_text[text]) is not None]
    return len(known) >= 0.8 * len(texts) and not all(n.is_integer() for n in known)


def _kind(values: Sequence[Any], texts: Sequence[str], differ: set[str], numbers: bool) -> Kind:
    if not values:
        return "empty"
    if not all(isinstance(value, str | int | float) for value in values):
        return "nested"
    if numbers:
        return "number"
    if len(differ) > 1 and {text.casefold() for text in differ} <= _SPLIT_VALUES:
        return "split"
    most = _MOSTLY * len(texts)
    if sum(bool(_DATE.fullmatch(text)) for text in texts) >= most:
        return "date"
    if sum(bool(_ADDRESS.fullmatch(text)) for text in texts) >= most:
        return "mark"
    if 2 * len(differ) > len(texts) and sum(bool(_CODE.fullmatch(text)) for text in texts) >= most:
        return "mark"
    return "words"


def parts_of(name: str) -> list[str]:
    """Returns the words of a column's name in lower case: of "AirlineSentiment" two."""
    apart = unicodedata.normalize("NFD", _HUMP.sub(" ", unicodedata.normalize("NFC", name)))
    plain = "".join(char for char in apart if not unicodedata.combining(char))
    return [word.casefold() for word in _WORD.findall(plain.replace("_", " "))]


def named_as_label(name: str) -> float | None:
    """Returns how well a name is one of labels, the lower the better; None if it is none."""
    words = parts_of(name)
    while len(words) > 1 and words[-1] in _TAILS:
        words.pop()
    found = _rank(words, (*_LABEL_NAMES, *_PERHAPS_LABELS))
    return None if found is None else found + 0.01 * len(parts_of(name))


def is_label_by_name(name: str) -> bool:
    """Whether a name can be of nothing but labels."""
    return "_".join(parts_of(name)) in _LABEL_NAMES


def named_as_text(name: str) -> float | None:
    """Returns how well a name is one of texts, the lower the better; None if it is none."""
    return _rank(parts_of(name), _TEXT_NAMES)


def _rank(words: Sequence[str], known: Sequence[str]) -> float | None:
    whole = "_".join(words)
    if whole in known:
        return known.index(whole)
    last = words[-1].rstrip("0123456789") if words else ""
    # "tweet_sentiment" is one of sentiments; "sentiment_confidence" is none.
    return len(known) + known.index(last) if last in known else None


def pair_of(columns: Mapping[str, Column]) -> tuple[str, str] | None:
    """Returns two columns of texts that are read together, by their names; None if none are.

    Args:
        columns: those that every row has.
    """
    texts = {name: column for name, column in columns.items() if column.is_text}
    numbered: dict[str, list[str]] = {}
    for name in texts:
        stem = re.sub(r"(?<=[^\W\d])[ _-]?(1|2|a|b|A|B|left|right)(?=$|_)", "#", name, count=1)
        if stem != name and (len(name) > 2 or name[0] in "qQsStT"):
            numbered.setdefault(stem, []).append(name)
    longest = max((column.length for column in texts.values()), default=0.0)
    for found in numbered.values():
        # Spans and other short parts of a longer text are no pair of their own.
        if len(found) == 2 and all(3 * columns[name].length > longest for name in found):
            first, second = sorted(found)
            return first, second
    # One of the two may repeat, as queries and hypotheses do; a single word is a class or a mark.
    words = [n for n, c in columns.items() if c.is_text or (c.kind == "words" and c.words >= 2)]
    last = {parts_of(name)[-1]: name for name in reversed(words) if parts_of(name)}
    for first, second in _PAIRS:
        if first in last and second in last and {last[first], last[second]} & set(texts):
            return last[first], last[second]
    return None
