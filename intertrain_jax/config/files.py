"""Configurations: found, read from files and plain values, overridden, written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml

from intertrain_jax.base import IntertrainError, nearest
from intertrain_jax.config.formats import is_file, parse_yaml, read_text
from intertrain_jax.config.strict import apply_override, build, kind, set_key, to_plain

C = TypeVar("C")
# What a configuration can be given as: a bundled name or a file, plain values, or one that is made.
Given = str | Path | Mapping[str, Any]


def load(cls: type[C], source: Given | C | None, *layers: Mapping[str, Any] | Sequence[str]) -> C:
    """Makes a configuration of any kind.

    Args:
        cls: the dataclass.
        source: a bundled name or a file's path, plain values, a configuration, or None for nothing.
        layers: what overrides it, the last one most: dotted key → value, of which a mapping leaves
            alone what it does not name; or "key.sub=value" each, the value as YAML.

    Raises:
        IntertrainError: no such file, not YAML, an unknown key, a wrong type or range.
    """
    if source is None:
        raw: dict[str, Any] = {}
    elif isinstance(source, cls):
        raw = to_plain(asdict(source))  # type: ignore[call-overload]
    elif isinstance(source, Mapping):
        raw = deepcopy(dict(source))
    elif isinstance(source, str | Path):
        raw = read_mapping(find_config(str(source)))
    else:
        raise IntertrainError(
            f"a configuration must be a name, a file's path, a mapping or {cls.__name__}, got"
            f" {kind(source)}. Give one of these."
        )
    for layer in layers:
        if isinstance(layer, Mapping):
            for key, value in layer.items():
                set_key(raw, key, _plain(value), f"config key {key!r}", merge=True)
        else:
            for override in layer:
                apply_override(raw, override)
    if "study" in raw:
        raise IntertrainError(
            "a configuration with the key 'study' is one of several grids. Run it with `intertrain-jax"
            " study`, or name one of a single grid."
        )
    config: C = build(cls, raw, "")
    return config


def keys_of(options: Mapping[str, Any], keys: Mapping[str, str], noun: str) -> dict[str, Any]:
    """Returns dotted key → value of the options that are given, which are those that are not None.

    Args:
        options: by name.
        keys: name → dotted key, of all that there are.
        noun: what they are options of.

    Raises:
        IntertrainError: there is no such option.
    """
    for name in options:
        if name not in keys:
            raise IntertrainError(
                f"{name!r} is no option of {noun}.{nearest(name, keys)} Other keys go into overrides,"
                " such as {'protocol.epochs': 3}."
            )
    return {keys[name]: value for name, value in options.items() if value is not None}


def _plain(value: Any) -> Any:
    """Rewrites what Python callers give in the types that YAML has."""
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, list | tuple):
        value = [str(item) if isinstance(item, Path) else item for item in value]
    return to_plain(str(value) if isinstance(value, Path) else value)


def read_mapping(path: Path) -> dict[str, Any]:
    """Reads a YAML file whose content is a mapping of keys.

    Raises:
        IntertrainError: it cannot be read, is not YAML, or holds something else.
    """
    raw = parse_yaml(read_text(path, f"config {str(path)!r}")[0], str(path))
    if not isinstance(raw, dict):
        raise IntertrainError(
            f"config {str(path)!r} must be a mapping of keys, got {kind(raw)}."
            " Start from a bundled file such as configs/quickstart.yaml."
        )
    return raw


def to_yaml(config: Any) -> str:
    """Returns a configuration, a dataclass, as YAML, defaults included; it can be read back."""
    return str(
        yaml.safe_dump(to_plain(asdict(config)), sort_keys=False, allow_unicode=True, width=100)
    )


def bundled_folder() -> Path | None:
    """Returns the folder of what comes with the package, if it is there."""
    package = Path(__file__).parent.parent
    # Installed, configs/ is the package's; in a clone or an editable install it lies beside it.
    folders = (package / "configs", package.parent / "configs")
    return next((folder for folder in folders if folder.is_dir()), None)


def bundled_configs() -> dict[str, Path]:
    """Returns name → file of the configurations that come with the package."""
    folder = bundled_folder()
    if folder is None:
        return {}
    return {
        path.relative_to(folder).with_suffix("").as_posix(): path
        for path in sorted(folder.rglob("*.yaml"))
    }


def find_config(name_or_path: str) -> Path:
    """Returns the file of a bundled configuration's name or of a path."""
    bundled = bundled_configs()
    if name_or_path in bundled:
        return bundled[name_or_path]
    path = Path(name_or_path)
    if is_file(path):
        return path
    raise IntertrainError(
        f"config {name_or_path!r} is neither a file nor a bundled configuration"
        f" ({', '.join(bundled)}).{nearest(name_or_path, bundled)}"
    )
