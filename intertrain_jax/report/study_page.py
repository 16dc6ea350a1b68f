"""The page of a study: its parts, and claim by claim what its records show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from intertrain_jax.base import counted


@dataclass(frozen=True)
class Part:
    """How far a grid of a study is.

    Attributes:
        label: its name, and that of its folder.
        runs, done, failed: their numbers.
    """

    label: str
    runs: int
    done: int
    failed: int


def study_page(
    name: str, counts: tuple[int, int, int], parts: Sequence[Part], verdicts: Sequence[Any]
) -> str:
    """Returns the README of a study.

    Args:
        name: of the study.
        counts: runs of all grids, each counted once, those done, and those failed.
        parts: its grids.
        verdicts: what was found of each claim.
    """
    runs, done, failed = counts
    lines = [
        f"# {name}",
        "",
        f"{done:,} of {counted(runs, 'run')} done, {failed:,} failed; runs that parts share are counted"
        " once. Written by `intertrain-jax study` from the records in these folders; the same command"
        " writes it again.",
        "",
    ]
    lines += ["| part | runs | done | failed |", "|---|---:|---:|---:|"]
    lines += [
        f"| [{part.label}]({part.label}) | {part.runs:,} | {part.done:,} | {part.failed:,} |"
        for part in parts
    ]
    return "\n".join(lines) + "\n"


def study_text(plain: Mapping[str, Any]) -> str:
    """Returns the configuration of a study as YAML."""
    header = "# The study of this directory. Written by intertrain-jax study.\n"
    return header + str(yaml.safe_dump(dict(plain), sort_keys=False, allow_unicode=True, width=100))
