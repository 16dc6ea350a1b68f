"""Content hashes, name suggestions and stop reasons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from intertrain_jax.base import (
    IntertrainError,
    StopReason,
    content_hash,
    nearest,
    printable,
    stream,
)


@dataclass(frozen=True)
class Pair:
    a: int
    b: float


def test_hash_depends_on_content_not_on_form() -> None:
    assert content_hash({"a": 1, "b": 2.5}) == content_hash({"b": 2.5, "a": 1})
    assert content_hash(Pair(1, 2.5)) == content_hash({"a": 1, "b": 2.5})
    assert content_hash((1, [2])) == content_hash([1, (2,)])
    assert content_hash(StopReason.PATIENCE) == content_hash("patience")


@pytest.mark.parametrize(
    "other", [{"a": 1}, {"a": 1.5}, {"a": "1"}, {"b": 1.0}, {"a": None}, [1.0]]
)
def test_hash_differs_with_content(other: object) -> None:
    assert content_hash({"a": 1.0}) != content_hash(other)


def test_hash_is_stable_over_releases() -> None:
    # Ids of stored records depend on this: if it changes, every result on disk is orphaned.
    assert content_hash({"base": "PT", "rate": 5e-5, "none": None}) == "b2b65bbd75b1"
    assert len(content_hash("x", length=20)) == 20


def test_hash_refuses_what_has_no_canonical_form() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        content_hash(float("nan"))
    with pytest.raises(TypeError, match="set"):
        content_hash({"a": {1, 2}})
    with pytest.raises(TypeError, match="keys must be strings"):
        content_hash({1: 2})


def test_nearest_names_close_candidates_in_their_own_spelling() -> None:
    assert nearest("MNL", ["mnli", "qnli", "sst2"]) == " Did you mean 'mnli'?"
    assert nearest("zzz", ["mnli", "sst2"]) == ""


def test_every_stop_reason_has_a_sentence() -> None:
    for reason in StopReason:
        assert reason.sentence.endswith(".")


def test_user_errors_exit_with_two() -> None:
    assert IntertrainError("x").exit_code == 2


@pytest.mark.parametrize(
    ("seed", "name", "index", "second"),
    [
        (3, "order", 7, (0x6F72646572 << 20) + 7),
        (3, "order", 0, 0x6F72646572 << 20),
        (1000, "sizes", None, 0x73697A6573),
        (0, "blocks", None, 0x626C6F636B73),
        (2, "head/dense", None, int.from_bytes(b"ad/dense", "big")),
        (2, "pooler", None, int.from_bytes(b"pooler", "big")),
    ],
)
def test_streams_keep_the_numbers_that_results_rest_on(
    seed: int, name: str, index: int | None, second: int
) -> None:
    # Records on disk were made with these keys: another one would be another experiment.
    known = np.random.Generator(np.random.Philox(key=[seed, second]))
    np.testing.assert_array_equal(stream(seed, name, index).random(5), known.random(5))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("naïve 日本 😀 \\", "naïve 日本 😀 \\"),
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("\x1b]0;x\x07", "\\x1b]0;x\\x07"),
        ("a\u202eb\ud800\x9b", "a\\u202eb\\ud800\\x9b"),
        ("", ""),
    ],
)
def test_what_a_terminal_would_act_on_is_written_out(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_streams_differ_by_seed_name_and_index() -> None:
    keys = [(0, "a", None), (1, "a", None), (0, "b", None), (0, "a", 0), (0, "a", 1)]
    assert len({stream(*key).random() for key in keys}) == len(keys)


@pytest.mark.parametrize("key", [(-1, "a"), (0, "a", -1), (0, "a", 1 << 20), (0, "too long", 1)])
def test_what_is_no_key_of_a_stream_is_an_error(key: tuple[int, str]) -> None:
    with pytest.raises(ValueError, match=r"^stream '"):
        stream(*key)
