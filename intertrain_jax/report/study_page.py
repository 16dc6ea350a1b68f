"""The page of a study: its parts, and claim by claim what its records show."""

from __future__ import annotations

import json
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, fields
from math import isfinite
from pathlib import Path
from typing import Any

import yaml

from intertrain_jax.base import counted
from intertrain_jax.claims import Verdict
from intertrain_jax.config.study import ANALYSIS_FOLDER
from intertrain_jax.records.store import write_atomic
from intertrain_jax.report.canvas import drawing, save
from intertrain_jax.report.figure_claim import draw_claim

FIGURES_FOLDER = "figures"


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


def write_study(
    out: Path,
    name: str,
    counts: tuple[int, int, int],
    parts: Sequence[Part],
    verdicts: Sequence[Verdict],
) -> None:
    """Writes the page of a study, its verdicts as JSON, and their figures.

    Args:
        out: directory of the study.
        name: of the study.
        counts: as of `study_page`.
        parts: its grids.
        verdicts: what was found of each claim.
    """
    folder = out / ANALYSIS_FOLDER
    drawn = write_verdict_figures(folder / FIGURES_FOLDER, verdicts)
    plain = [
        {**{f.name: getattr(v, f.name) for f in fields(v) if f.name != "figure"}} for v in verdicts
    ]
    text = json.dumps([_finite(x) for x in plain], indent=1, ensure_ascii=False, allow_nan=False)
    write_atomic(folder / "verdicts.json", text + "\n")
    write_atomic(out / "README.md", study_page(name, counts, parts, verdicts, drawn))


def write_verdict_figures(folder: Path, verdicts: Sequence[Verdict]) -> frozenset[str]:
    """Writes CLAIM.png and CLAIM.svg of every verdict that has a figure; returns these claims."""
    drawn = set()
    with drawing():
        for verdict in verdicts:
            figure = draw_claim(verdict)
            if figure is None:
                for suffix in ("png", "svg"):
                    (folder / f"{verdict.claim}.{suffix}").unlink(missing_ok=True)
                continue
            save(figure, folder, verdict.claim)
            drawn.add(verdict.claim)
    return frozenset(drawn)


def _finite(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns plain values as JSON has them, null for what is no number."""
    return {
        key: _finite(value)
        if isinstance(value, Mapping)
        else None
        if isinstance(value, float) and not isfinite(value)
        else value
        for key, value in values.items()
    }


def study_page(
    name: str,
    counts: tuple[int, int, int],
    parts: Sequence[Part],
    verdicts: Sequence[Verdict],
    drawn: Container[str] = (),
) -> str:
    """Returns the README of a study.

    Args:
        name: of the study.
        counts: runs of all grids, each counted once, those done, and those failed.
        parts: its grids.
        verdicts: what was found of each claim.
        drawn: the claims that have a figure.
    """
    runs, done, failed = counts
    lines = [
        f"# {name}",
        "",
        f"{done:,} of {counted(runs, 'run')} done, {failed:,} failed; runs that parts share are counted"
        " once. Written from the records in these folders; `intertrain-jax analyze` with this folder"
        " writes it again.",
        "",
    ]
    if verdicts:
        lines += ["## Claims of the paper", "", "| claim | these records |", "|---|---|"]
        lines += [
            f"| [{verdict.title}](#{verdict.claim}) | {_short(verdict.verdict)} |"
            for verdict in verdicts
        ]
        lines.append("")
    for verdict in verdicts:
        lines += [f'### <a id="{verdict.claim}"></a>{verdict.title}', ""]
        lines += [f"The paper: {verdict.paper}", ""]
        lines += [f"**{_short(verdict.verdict).capitalize()}.** {_found(verdict)}".rstrip(), ""]
        if verdict.claim in drawn:
            place = f"{ANALYSIS_FOLDER}/{FIGURES_FOLDER}/{verdict.claim}.png"
            lines += [f"![{verdict.title}]({place})", ""]
    lines += ["## Parts", "", "| part | runs | done | failed |", "|---|---:|---:|---:|"]
    lines += [
        f"| [{part.label}]({part.label}) | {part.runs:,} | {part.done:,} | {part.failed:,} |"
        for part in parts
    ]
    return "\n".join(lines) + "\n"


def _short(verdict: str) -> str:
    """Returns a verdict without its reason."""
    return verdict.partition(":")[0]


def _found(verdict: Verdict) -> str:
    """Returns what was found, or why nothing was."""
    return verdict.found or verdict.verdict.partition(": ")[2]


def study_text(plain: Mapping[str, Any]) -> str:
    """Returns the configuration of a study as YAML."""
    header = "# The study of this directory. Written by intertrain-jax study.\n"
    return header + str(yaml.safe_dump(dict(plain), sort_keys=False, allow_unicode=True, width=100))
