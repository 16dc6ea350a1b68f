"""What names were resolved to: kept commits, what is known later, other content under one name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from intertrain_jax.config.refs import ModelRef
from intertrain_jax.records.resolution import Resolution

KNOWN = Resolution(
    {"model": "w", "gone": None}, {"alpha": "d"}, "float32", {"org/a@main": "c0ffee"}
)


def test_a_branch_that_moves_changes_nothing(tmp_path: Path) -> None:
    main = ModelRef("org/a", "main")
    assert Resolution().pinned(main).at == "main"
    assert KNOWN.pinned(main).at == "c0ffee"
    # A model is still called, and found, by what was written.
    assert KNOWN.pinned(main) == main and KNOWN.pinned(main).label == "org/a@main"
    assert KNOWN.pinned(ModelRef("org/a")).at is None
    local = replace(KNOWN, revisions={str(tmp_path): "c1"})
    assert local.pinned(ModelRef(str(tmp_path))).at is None, "a directory has no revisions"


def test_what_is_known_later_counts_and_the_rest_stays() -> None:
    later = Resolution({"model": "v"}, {"beta": "e"}, None, {"org/b": "c2"})
    assert KNOWN.with_(later) == Resolution(
        {"model": "v", "gone": None},
        {"alpha": "d", "beta": "e"},
        "float32",
        {"org/a@main": "c0ffee", "org/b": "c2"},
    )
    assert KNOWN.with_(Resolution()) == KNOWN
    assert KNOWN.with_(Resolution(precision="bfloat16")).precision == "bfloat16"


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (Resolution({"model": "v"}), "model 'model' has fingerprint v, there it had w. Choose"),
        (Resolution({}, {"alpha": "e"}), "data of task 'alpha' has fingerprint e, there it had d."),
        (Resolution(precision="bfloat16"), "'protocol.precision' was resolved to float32, here"),
        (Resolution({"model": None, "gone": "x", "new": "y"}, {"beta": "z"}), None),
        (Resolution(revisions={"org/a@main": "moved"}), None),
        (Resolution(), None),
        (KNOWN, None),
    ],
)
def test_other_content_under_one_name(now: Resolution, words: str | None) -> None:
    found = KNOWN.difference(now)
    assert (found is None) == (words is None)
    assert words is None or (found or "").startswith(words)


def test_what_a_damaged_file_says_is_one_line() -> None:
    had = Resolution({"m": "a\r\nb"}, {}, None)
    said = had.difference(Resolution({"m": "c"}, {}, None))
    assert said is not None and r"there it had a\r\nb. Choose another" in said
