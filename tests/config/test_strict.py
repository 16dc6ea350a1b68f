"""Strict YAML and strict dataclasses."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.strict import apply_override, build, check_no_repeats, to_plain


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True)
class Inner:
    rate: float
    mode: Literal["a", "b"] = "a"


@dataclass(frozen=True)
class Outer:
    name: str
    inner: Inner | None = None
    names: tuple[str, ...] = ()
    count: int | None = 3
    flag: bool = False
    colour: Colour = Colour.RED
    extra: dict[str, str | None] | None = None
    made: dict[str, str] = field(default_factory=dict)


def test_build_makes_nested_dataclasses_tuples_and_enums() -> None:
    raw = {
        "name": "x",
        "inner": {"rate": 2},
        "names": ["a"],
        "colour": "red",
        "extra": {"k": None},
    }
    built = build(Outer, raw, "")
    assert built == Outer("x", Inner(2.0), ("a",), colour=Colour.RED, extra={"k": None})
    assert type(built.inner.rate) is float
    assert isinstance(built.colour, Colour)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({}, "config key 'name' is missing"),
        ({"name": "x", "nmaes": []}, "unknown config key 'nmaes'. Did you mean 'name.*names"),
        ({"name": "x", "inner": {"rat": 1}}, "unknown config key 'inner.rat'. Did you mean 'rate'"),
        ({"name": "x", "inner": {"rate": "1"}}, "'inner.rate' must be a number, got '1'"),
        ({"name": "x", "inner": {"rate": True}}, "'inner.rate' must be a number, got True"),
        ({"name": "x", "inner": {"rate": float("inf")}}, "'inner.rate' must be a number, got inf"),
        ({"name": "x", "inner": {"rate": 10**400}}, "'inner.rate' must be a number, got inf"),
        ({"name": "x", "inner": 3}, "'inner' must be a mapping of keys, got a int"),
        ({"name": "x", "inner": {"rate": 1.0, "mode": "c"}}, "'inner.mode' must be 'a' or 'b'"),
        ({"name": "x", "names": "a"}, r"'names' must be a list of texts such as \[a, b\]"),
        ({"name": "x", "names": [1]}, "'names' must be a list"),
        ({"name": "x", "count": 1.0}, "'count' must be a whole number or null, got 1.0"),
        ({"name": "x", "count": True}, "'count' must be a whole number or null, got True"),
        ({"name": "x", "flag": 1}, "'flag' must be true or false"),
        ({"name": "x", "extra": {"k": 1}}, "'extra' must be a mapping"),
        ({"name": 1}, "'name' must be text, got 1"),
        ([], "must be a mapping of keys, got a list"),
        ({"name": "x", "made": None}, r"'made' must be a mapping.*The default is \{\}\."),
    ],
)
def test_build_names_key_rule_and_value(raw: Any, message: str) -> None:
    with pytest.raises(IntertrainError, match=message):
        build(Outer, raw, "")


def test_override_sets_and_creates_nested_keys() -> None:
    raw: dict[str, Any] = {"a": {"b": 1}}
    apply_override(raw, "a.b=2")
    apply_override(raw, "c.d=[x, y]")
    apply_override(raw, "e=text = with equals")
    assert raw == {"a": {"b": 2}, "c": {"d": ["x", "y"]}, "e": "text = with equals"}


@pytest.mark.parametrize("override", ["a.b", "=3", "a..b=3", ".a=3"])
def test_override_needs_key_and_value(override: str) -> None:
    with pytest.raises(IntertrainError, match=r"--set takes key.sub=value"):
        apply_override({}, override)


def test_override_below_a_value_is_an_error() -> None:
    with pytest.raises(IntertrainError, match="'a' has no keys below it"):
        apply_override({"a": 1}, "a.b=2")


def test_no_repeats() -> None:
    with pytest.raises(IntertrainError, match="'x' must name each entry once, got b repeatedly"):
        check_no_repeats("x", ["a", "b", "b"])


def test_to_plain_has_no_tuples() -> None:
    assert to_plain({"a": ((1, 2), [3])}) == {"a": [[1, 2], [3]]}
