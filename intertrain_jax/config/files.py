"""Configuration files: finding, reading and writing them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from intertrain_jax.base import IntertrainError, nearest
from intertrain_jax.config.strict import (
    kind,
    parse_yaml,
    to_plain,
)


def read_mapping(path: Path, next_step: str) -> dict[str, Any]:
    """Reads a YAML file whose content is a mapping of keys.

    Args:
        path: of the file.
        next_step: what to do about one that holds something else.

    Raises:
        IntertrainError: it cannot be read, is not YAML, or holds something else.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise IntertrainError(
            f"config {str(path)!r} cannot be read: {error}. Give a readable YAML file."
        ) from error
    raw = parse_yaml(text, str(path))
    if not isinstance(raw, dict):
        raise IntertrainError(
            f"config {str(path)!r} must be a mapping of keys, got {kind(raw)}. {next_step}"
        )
    return raw


def as_overrides(given: Mapping[str, Any] | Sequence[str]) -> list[str]:
    """Returns "key.sub=value" for every dotted key; JSON is YAML, so values stay what they are."""
    if not isinstance(given, Mapping):
        return list(given)
    return [f"{key}={json.dumps(_jsonable(value))}" for key, value in given.items()]


def _jsonable(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


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
    if path.is_file():
        return path
    raise IntertrainError(
        f"config {name_or_path!r} is neither a file nor a bundled configuration"
        f" ({', '.join(bundled)}).{nearest(name_or_path, bundled)}"
    )
