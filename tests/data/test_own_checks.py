"""Checks of examples: everything that would mislead is counted, and nothing is said of sound data."""

from __future__ import annotations

from pathlib import Path

import pytest

from intertrain_jax.data.load import Rows, TaskData
from intertrain_jax.data.own_checks import check_examples, check_tokens, misread
from intertrain_jax.data.task import Task

QUICKSTART = Path(__file__).parents[2] / "intertrain_jax" / "data" / "quickstart" / "encoder"
TASK = Task("mine", "mine", ("{text}",), labels=("bad", "good"))


def data(
    train: dict[str, int], validation: dict[str, int], test: dict[str, int], task: Task = TASK
) -> TaskData:
    """Returns examples from text → label of every split."""
    parts = {"train": train, "validation": validation, "test": test}
    splits = {
        name: Rows([(text,) for text in rows], [float(label) for label in rows.values()])
        for name, rows in parts.items()
    }
    return TaskData(task, splits, "", {})


TRAIN = {f"text {k}": k % 2 for k in range(20)}


def test_nothing_is_said_of_sound_examples() -> None:
    assert check_examples(data(TRAIN, {"v": 0, "w": 1}, {"t": 0, "u": 1})) == []


def test_texts_on_both_sides_are_counted_case_and_blanks_aside() -> None:
    said = check_examples(
        data(TRAIN, {"text 1": 1, "w": 0}, {"text 2": 0, "Text  3": 1, "w": 0, "t": 1})
    )
    assert [line.partition(":")[0] for line in said] == [
        "2 of 4 test texts are in train too, 1 of them in other case or blanks",
        "1 of 4 test texts is in validation too",
        "1 of 2 validation texts is in train too",
    ]
    assert all(line.endswith("Remove repeated rows.") for line in said)


def test_contradicting_labels_are_counted_over_all_splits() -> None:
    said = check_examples(data({**TRAIN, "Text 2": 1}, {"v": 0}, {"TEXT 3 ": 0, "t": 1}))
    (torn,) = [line for line in said if "more than one label" in line]
    assert torn.startswith("2 texts have more than one label, in 4 rows, such as 'text 2'. Correct")


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        (
            [0] * 9 + [1] * 4,
            "2 of 3 classes have fewer than 5 training examples (c 0, b 4). Add some",
        ),
        ([0] * 9 + [1, 2] * 5 + [2], ""),
        (
            [0] * 9 + [1] * 9 + [2],
            "1 of 3 classes has fewer than 5 training examples (c 1). Add some",
        ),
        ([0] * 9, "the train split has one class only"),
    ],
)
def test_small_classes_are_named(labels: list[int], says: str) -> None:
    task = Task("mine", "mine", ("{text}",), labels=("a", "b", "c"))
    train = {f"text {k}": label for k, label in enumerate(labels)}
    said = check_examples(data(train, {"v": 0}, {"t": 0}, task))
    assert len(said) == bool(says) and all(line.startswith(says) for line in said)
    numbers = Task("mine", "mine", ("{text}",), metric="spearman")
    assert check_examples(data(train, {"v": 0}, {"t": 0}, numbers)) == []


def test_empty_texts_and_characters_that_nobody_typed_are_counted() -> None:
    train = {**TRAIN, " ": 0, "a\0b\0": 1, "caf\ufffd": 1, "tab\tand\nline — é 好 🙂": 0}
    said = check_examples(data(train, {"v": 0}, {"\t": 1}))
    assert [line for line in said if "characters" in line] == [
        "2 texts have characters that nobody typed, such as '\\x00', as a wrong encoding leaves them."
        " Save the file again as UTF-8."
    ]
    assert "2 texts are empty. Remove their rows." in said
    said = check_examples(data({**TRAIN, " ": 0, "caf\ufffd": 1}, {"v": 0}, {"t": 1}))
    assert "1 text is empty. Remove its row." in said
    assert any(line.startswith("1 text has characters that nobody typed") for line in said)


def test_cut_texts_and_unknown_words_have_their_share() -> None:
    known = {f"the soup was not good{' the' * k}": k % 2 for k in range(10)}
    sound = data(known, {"the soup": 0}, {"the film": 1})
    assert check_tokens(sound, QUICKSTART, 64) == []
    (cut,) = check_tokens(sound, QUICKSTART, 13)  # two of them are special
    assert cut.startswith("25 % of texts are cut at 13 tokens (one in twenty has 16 or more)")
    strange = data(
        {**known, "the 味 soup Ωmega": 0, "the 味 was": 1}, {"the soup": 0}, {"the film": 1}
    )
    (lost,) = check_tokens(strange, QUICKSTART, 64)
    assert lost.startswith("14 % of texts have words or symbols that the model does not know, ")
    assert "such as '味', 'Ωmega'." in lost


def test_letters_that_were_read_in_a_wrong_encoding_are_found() -> None:
    assert misread("cafÃ© et crÃ¨me, donâ€™t") == ["Ã©", "Ã¨", "â€™"]
    for sound in ("café déjà", "NÃO É", "“CAFÉ”", "15 °C – so", "äöü", "日本", "Ãltima"):
        assert misread(sound) == [], sound
