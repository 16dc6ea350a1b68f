"""Strict dataclasses out of plain values: unknown keys, wrong types and ranges are errors."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import cache
from math import inf, isfinite
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from intertrain_jax.base import IntertrainError, nearest
from intertrain_jax.config.formats import parse_yaml

_LARGEST = sys.float_info.max


def apply_override(raw: dict[str, Any], override: str) -> None:
    """Sets one "key.sub=value" in plain nested mappings."""
    path, equals, value = override.partition("=")
    keys = path.strip().split(".")
    if not equals or not all(keys):
        raise IntertrainError(
            f"--set takes key.sub=value, got {override!r}. For example --set protocol.epochs=3."
        )
    set_key(raw, path.strip(), parse_yaml(value, f"--set {override}"), f"--set {override!r}")


def set_key(raw: dict[str, Any], path: str, value: Any, origin: str, merge: bool = False) -> None:
    """Sets a dotted key in plain nested mappings.

    Args:
        raw: is changed.
        path: the key.
        value: plain.
        origin: names what is being set, in errors.
        merge: whether a mapping leaves alone what it does not name.

    Raises:
        IntertrainError: something on the way is no mapping.
    """
    *above, last = path.split(".")
    inner = raw
    for key in above:
        below = inner.get(key)
        if below is None:
            below = inner[key] = {}
        if not isinstance(below, dict):
            raise IntertrainError(
                f"{origin}: config key {key!r} has no keys below it. Leave out the rest."
            )
        inner = below
    inner[last] = _merged(inner.get(last), value) if merge else value


def _merged(before: Any, value: Any) -> Any:
    """Returns a value with what mappings in its place had and it does not name."""
    if not isinstance(before, dict) or not isinstance(value, dict):
        return value
    return {**before, **{key: _merged(before.get(key), item) for key, item in value.items()}}


def build(cls: Any, raw: Any, path: str, noun: str = "config key") -> Any:
    """Builds a dataclass from a mapping, its nested dataclasses too.

    Args:
        cls: the dataclass.
        raw: plain values, as YAML or JSON gives them.
        path: dotted key of the mapping; "" at the top.
        noun: what errors call a key.

    Raises:
        IntertrainError: a key is unknown or missing, or a value has the wrong type.
    """
    if not isinstance(raw, Mapping):
        raise IntertrainError(
            f"{noun} {path!r} must be a mapping of keys, got {kind(raw)}. Indent its keys."
        )
    known = {item.name: item for item in fields(cls)}
    for key in raw:
        if key not in known:
            where = f" below {path!r}" if path else ""
            raise IntertrainError(
                f"unknown {noun} {_join(path, key)!r}.{nearest(str(key), known)}"
                f" Known{where}: {', '.join(known)}."
            )
    for name, item in known.items():
        if name not in raw and item.default is item.default_factory:
            raise IntertrainError(f"the {noun} {_join(path, name)!r} is missing. Add it.")
    hints = _hints(cls)
    instance = cls(**{key: _convert(raw[key], hints[key], _join(path, key), noun) for key in raw})
    check_types(instance, path, noun)
    return instance


def _convert(value: Any, hint: Any, path: str, noun: str) -> Any:
    """Turns mappings, lists and texts into the dataclasses, tuples and enums that are due."""
    for option in _alternatives(hint):
        if is_dataclass(option) and isinstance(option, type) and value is not None:
            return build(option, value, path, noun)
        if isinstance(option, type) and issubclass(option, Enum) and value in list(option):
            return option(value)
        entry = get_args(option)[0] if get_origin(option) is tuple else None
        if is_dataclass(entry) and isinstance(value, list):
            return tuple(build(entry, item, f"{path}[{i}]", noun) for i, item in enumerate(value))
    return tuple(value) if isinstance(value, list) else value


def check_types(instance: Any, path: str, noun: str = "config key") -> None:
    """Checks fields against their annotations; whole numbers become floats where those are due."""
    hints = _hints(instance.__class__)
    for item in fields(instance):
        value, options = getattr(instance, item.name), _alternatives(hints[item.name])
        # 10 and 10.0 must be one value, or one run would have two ids.
        if type(value) is int and float in options and int not in options:
            value = float(value) if abs(value) <= _LARGEST else inf
            object.__setattr__(instance, item.name, value)
        if not any(_matches(value, option) for option in options):
            raise IntertrainError(
                f"{noun} {_join(path, item.name)!r} must be {_describe(options)}, got"
                f" {to_plain(value)!r}. The default is {_default(item)}."
            )


@cache
def _hints(cls: type[Any]) -> dict[str, Any]:
    return get_type_hints(cls)


def _join(path: str, key: object) -> str:
    return f"{path}.{key}" if path else str(key)


def _alternatives(hint: Any) -> tuple[Any, ...]:
    if get_origin(hint) in (Union, types.UnionType):
        return tuple(inner for part in get_args(hint) for inner in _alternatives(part))
    return (hint,)


def _matches(value: Any, option: Any) -> bool:
    origin = get_origin(option)
    if origin is Literal:
        return isinstance(value, str) and value in get_args(option)
    if origin is tuple:
        inner = get_origin(get_args(option)[0]) or get_args(option)[0]
        return isinstance(value, tuple) and all(isinstance(entry, inner) for entry in value)
    if origin in (dict, Mapping):
        keys, values = get_args(option)
        return isinstance(value, dict) and all(
            isinstance(key, keys) and (values is Any or isinstance(entry, values))
            for key, entry in value.items()
        )
    if option is float:
        return type(value) is float and isfinite(value)
    return type(value) is option


_LISTS = {
    str: "a list of texts such as [a, b]",
    float: "a list of numbers such as [0.1, 0.2]",
    int: "a list of whole numbers such as [1, 2]",
}


def _describe(options: Sequence[Any]) -> str:
    names = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
    names[type(None)] = "null"
    parts = []
    for option in options:
        if get_origin(option) is Literal:
            parts += [repr(choice) for choice in get_args(option)]
        elif get_origin(option) is tuple:
            parts.append(_LISTS.get(get_args(option)[0], "a list of mappings"))
        else:
            parts.append(names.get(option, "a mapping of keys"))
    return " or ".join(parts)


def _default(item: Any) -> str:
    if item.default is not MISSING:
        return repr(item.default)
    return (
        "none: it must be given"
        if item.default_factory is MISSING
        else repr(item.default_factory())
    )


def check_ranges(
    instance: Any, path: str, rules: Mapping[str, tuple[Callable[[Any], bool], str]]
) -> None:
    """Checks fields that are not None against (predicate, rule in words)."""
    for name, (holds, rule) in rules.items():
        value = getattr(instance, name)
        if value is not None and not holds(value):
            default = _default(type(instance).__dataclass_fields__[name])
            raise IntertrainError(
                f"config key {_join(path, name)!r} must be {rule}, got {value!r}."
                f" The default is {default}."
            )


def check_most(instance: Any, path: str, most: Mapping[str, int]) -> None:
    """Checks that fields that are numbers ask for no more than any machine has, or anybody waits for."""

    def at_most(bound: int) -> tuple[Callable[[Any], bool], str]:
        return lambda x: not isinstance(x, int | float) or x <= bound, f"at most {bound:,}"

    check_ranges(instance, path, {name: at_most(bound) for name, bound in most.items()})


def check_no_repeats(key: str, names: Sequence[str]) -> None:
    """Checks that a list names every entry once."""
    repeated = sorted({name for name in names if list(names).count(name) > 1})
    if repeated:
        raise IntertrainError(
            f"config key {key!r} must name each entry once, got {', '.join(repeated)} repeatedly."
            " Remove the repeats."
        )


def kind(value: Any) -> str:
    """Names what a value is, for errors."""
    return "nothing" if value is None else f"a {type(value).__name__}"


def to_plain(value: Any) -> Any:
    """Rewrites tuples as lists, all the way down, as YAML and JSON have it."""
    if isinstance(value, dict):
        return {key: to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    return value
