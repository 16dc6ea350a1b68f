"""What of a person's data would mislead a measurement, counted before anything trains."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from intertrain_jax.base import counted
from intertrain_jax.data.load import TaskData
from intertrain_jax.data.text import token_counts

FEWEST_OF_A_CLASS = 5
# Texts whose tokens are counted, spread over all splits.
_COUNTED = 2000
_SHOWN = 5
_BEYOND = re.compile(r"[^\x00-\x7f]{2,}")


def check_examples(data: TaskData) -> list[str]:
    """Returns a sentence with its count, and what to do, for everything odd in the examples."""
    return [*_shared(data), *_contradictions(data), *_classes(data), *_strange(data)]


def _even(texts: Sequence[str]) -> tuple[str, ...]:
    """Returns texts without what a reader would not see: case, and how much blank there is."""
    return tuple(" ".join(text.split()).casefold() for text in texts)


def _shared(data: TaskData) -> list[str]:
    """Finds texts on both sides of a split."""
    said = []
    for name, others in (("test", ("train", "validation")), ("validation", ("train",))):
        rows = data.splits[name]
        for other in others:
            exact = set(data.splits[other].texts)
            even = {_even(texts) for texts in data.splits[other].texts}
            same = sum(texts in exact for texts in rows.texts)
            alike = sum(_even(texts) in even for texts in rows.texts)
            if not alike:
                continue
            more = f", {alike - same:,} of them in other case or blanks" if alike > same else ""
            harm = (
                "scores on them say what was learnt by heart"
                if other == "train"
                else "what was chosen by them is tested on them"
            )
            said.append(
                f"{alike:,} of {len(rows):,} {name} texts {'is' if alike == 1 else 'are'} in"
                f" {other} too{more}: {harm}. Remove repeated rows."
            )
    return said


def _contradictions(data: TaskData) -> list[str]:
    """Finds texts that have several labels."""
    labels: dict[tuple[str, ...], Counter[float]] = defaultdict(Counter)
    for rows in data.splits.values():
        for texts, label in zip(rows.texts, rows.labels, strict=True):
            labels[_even(texts)][label] += 1
    torn = [texts for texts, found in labels.items() if len(found) > 1]
    if not torn:
        return []
    count = sum(labels[texts].total() for texts in torn)
    example = " | ".join(torn[0])[:60]
    return [
        f"{counted(len(torn), 'text')} {'has' if len(torn) == 1 else 'have'} more than one label, in"
        f" {count:,} rows, such as {example!r}. Correct them, or remove all but one row of each."
    ]


def _classes(data: TaskData) -> list[str]:
    """Finds classes that have too few examples to be learnt."""
    if data.task.regression:
        return []
    counts = Counter(int(label) for label in data.splits["train"].labels)
    if len(counts) < 2:
        return ["the train split has one class only, and nothing is learnt of it. Add the others."]
    few = [(name, counts[k]) for k, name in enumerate(data.task.labels)]
    few = sorted((pair for pair in few if pair[1] < FEWEST_OF_A_CLASS), key=lambda pair: pair[1])
    if not few:
        return []
    named = ", ".join(f"{name} {count}" for name, count in few[:_SHOWN])
    more = ", ..." if len(few) > _SHOWN else ""
    what = "classes has" if len(few) == 1 else "classes have"
    return [
        f"{len(few)} of {len(data.task.labels)} {what} fewer than {FEWEST_OF_A_CLASS} training examples"
        f" ({named}{more}). Add some, or join them with another class."
    ]


def _strange(data: TaskData) -> list[str]:
    """Finds texts without anything in them, and those with characters that nobody typed."""
    every = [texts for rows in data.splits.values() for texts in rows.texts]
    said = []
    empty = sum(not any(text.strip() for text in texts) for texts in every)
    if empty:
        said.append(
            f"{counted(empty, 'text')} {'is' if empty == 1 else 'are'} empty. Remove"
            f" {'its row' if empty == 1 else 'their rows'}."
        )
    odd = [c for texts in every for c in {c for t in texts for c in t if _is_odd(c)}]
    if odd:
        (char, _), *_ = Counter(odd).most_common(1)
        count = sum(any(_is_odd(c) for t in texts for c in t) for texts in every)
        said.append(
            f"{counted(count, 'text')} {'has' if count == 1 else 'have'} characters that nobody typed,"
            f" such as {char!r}, as a wrong encoding leaves them. Save the file again as UTF-8."
        )
    wrong = [part for texts in every for text in texts for part in misread(text)[:1]]
    if wrong:
        said.append(
            f"{counted(len(wrong), 'text')} {'has' if len(wrong) == 1 else 'have'} letters that were"
            f" read in a wrong encoding before they were saved, such as {wrong[0]!r}. Read the source as"
            " UTF-8."
        )
    return said


def misread(text: str) -> list[str]:
    """Returns the parts of a text that are UTF-8 read as cp1252, such as "Ã©" for "é"."""
    found = []
    for part in () if text.isascii() else _BEYOND.findall(text):
        with suppress(UnicodeError):
            meant = part.encode("cp1252").decode()
            if all("\xa0" <= char <= "\xff" or "\u2013" <= char <= "\u2122" for char in meant):
                found.append(part)
    return found


def _is_odd(char: str) -> bool:
    """Whether a character is a control character other than blanks, or stands for a lost one."""
    if " " <= char <= "~":
        return False
    return char == "\ufffd" or (unicodedata.category(char) == "Cc" and not char.isspace())


def check_tokens(data: TaskData, tokenizer: Path, max_length: int) -> list[str]:
    """Returns a sentence with its share, and what to do, for texts that a model would not read whole.

    At most two thousand texts are counted, spread over all splits.

    Args:
        data: the examples.
        tokenizer: directory with the tokenizer's files.
        max_length: tokens of an input; longer ones are cut.

    Raises:
        IntertrainError: the tokenizer cannot be loaded.
    """
    every = [texts for rows in data.splits.values() for texts in rows.texts]
    texts = every[:: -(-len(every) // _COUNTED)]
    lengths, unknown = token_counts(texts, tokenizer)
    said = []
    cut = sum(length > max_length for length in lengths)
    if cut:
        longest = sorted(lengths)[int(0.95 * len(lengths))]
        said.append(
            f"{_percent(cut, len(texts))} of texts are cut at {max_length} tokens (one in twenty has"
            f" {longest:,} or more). --set protocol.max_length=N reads more, and takes longer."
        )
    lost = sum(count > 0 for count in unknown)
    if lost:
        share = _percent(sum(unknown), sum(lengths))
        words = _unknown_words([t for t, n in zip(texts, unknown, strict=True) if n], tokenizer)
        such = f", such as {', '.join(map(repr, words))}" if words else ""
        said.append(
            f"{_percent(lost, len(texts))} of texts have words or symbols that the model does not know,"
            f" {share} of all tokens{such}. If that is much, choose a model of their language."
        )
    return said


def _unknown_words(texts: Sequence[tuple[str, ...]], tokenizer: Path) -> list[str]:
    counts = Counter(word for parts in texts[:200] for text in parts for word in text.split())
    words = [word for word, _ in counts.most_common(_COUNTED)]
    unknown = token_counts([(word,) for word in words], tokenizer)[1]
    return [word[:20] for word, count in zip(words, unknown, strict=True) if count][:_SHOWN]


def _percent(part: int, whole: int) -> str:
    share = 100 * part / max(1, whole)
    return f"{share:.0f} %" if share >= 10 else f"{share:.2g} %"
