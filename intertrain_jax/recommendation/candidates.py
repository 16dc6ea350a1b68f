"""What a recommendation chooses from: models in the order of a ranking, each once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from intertrain_jax.base import IntertrainError, nearest
from intertrain_jax.config.formats import expanded
from intertrain_jax.config.ranking import RANK_FILE, RANKING_FILE, load_rank_config
from intertrain_jax.config.refs import ModelRef
from intertrain_jax.data.delimited import read_delimited
from intertrain_jax.data.labels import number_of
from intertrain_jax.recommendation.prior import Floats, standardised

# How tables write that there is no score.
_NO_SCORE = {"", "nan", "na", "n/a", "none", "null", "inf", "-inf", "-"}


@dataclass(frozen=True)
class BuiltIn:
    """A ranking that comes with the package.

    Attributes:
        file: CSV beside this module, with the columns model and score.
        pretrained: what its gains are over.
        origin: what the scores are, for people.
    """

    file: str
    pretrained: str
    origin: str


BUILT_IN = {
    "roberta": BuiltIn(
        "roberta.csv",
        "FacebookAI/roberta-base",
        "the paper's table 4: gains of a linear probe on MNLI of 63 models off the hub, collected by"
        " hand, whose hyperparameters vary; most of them are no better start than RoBERTa itself"
        " (appendix E)",
    ),
    "t5": BuiltIn(
        "t5.csv",
        "google-t5/t5-small",
        "the paper's table 5: average gains of 22 models off the hub over the General targets, most of"
        " which were part of T5's pretraining; no linear probe is reported (appendix E)",
    ),
}


@dataclass(frozen=True)
class Candidates:
    """Models to choose from, the best of the ranking first; M models.

    Attributes:
        pretrained: label of what gains are over.
        models: [M] labels.
        x: [M] standardised ranking scores; all 0 where nothing ranks them.
        origin: what the order rests on, for people.
        notes: what was left out of a ranking, a sentence each.
    """

    pretrained: str
    models: tuple[str, ...]
    x: Floats
    origin: str
    notes: tuple[str, ...] = ()


def candidates_of(
    ranking: str | Path | None,
    models: Sequence[str | Path] = (),
    pretrained: str | Path | None = None,
) -> Candidates:
    """Reads a ranking, and adds models that are named one by one.

    Args:
        ranking: name of a built-in one, a `ranking.csv` that `rank` wrote, or its folder; None for none.
        models: further references; without a score, they count as average.
        pretrained: reference of the pretrained model; None where the ranking says it.

    Raises:
        IntertrainError: there is no such ranking, nothing to choose from, or no pretrained model.
    """
    scores: dict[str, float] = {}
    origin, notes = "no ranking: in the order in which they were named", list[str]()
    if ranking is not None and str(ranking) in BUILT_IN:
        built_in = BUILT_IN[str(ranking)]
        table = pd.read_csv(Path(__file__).parent / built_in.file)
        scores = dict(zip(table["model"], table["score"].astype(float), strict=True))
        origin = built_in.origin
        pretrained = pretrained or built_in.pretrained
    elif ranking is not None:
        path = _file(str(ranking))
        scores, notes = _read(path)
        origin = f"the scores of {path}"
        beside = path.parent / RANK_FILE
        if pretrained is None and beside.is_file():
            pretrained = load_rank_config(beside).pretrained
    if pretrained is None:
        raise IntertrainError(
            "the pretrained model that gains are over is not known. Name it: --pretrained REF."
        )
    pretrained = str(pretrained)
    # A directory may be written in two ways, and is one model.
    keyed = {ModelRef.parse(name).key: (name, score) for name, score in reversed(scores.items())}
    keyed = dict(reversed(keyed.items()))
    for model in models:
        ref = ModelRef.parse(model)
        keyed.setdefault(ref.key, (ref.label, float("nan")))
    base = ModelRef.parse(pretrained)
    keyed.pop(base.key, None)
    if not keyed:
        raise IntertrainError(
            "there is no model to choose from besides the pretrained one. Give --ranking FILE|NAME"
            f" ({', '.join(BUILT_IN)}), or --model REF once or more."
        )
    names = [name for name, _ in keyed.values()]
    values = standardised([score for _, score in keyed.values()])
    order = np.argsort(-values, kind="stable")
    return Candidates(
        base.label,
        tuple(names[k] for k in order),
        values[order],
        origin,
        tuple(notes),
    )


def _file(ranking: str) -> Path:
    """Returns the table that a file or a folder is."""
    path = expanded(ranking)
    path = path / RANKING_FILE if path.is_dir() else path
    if not path.is_file():
        raise IntertrainError(
            f"ranking {ranking!r} is neither one that comes with the package ({', '.join(BUILT_IN)})"
            f" nor a file.{nearest(ranking, BUILT_IN)} Correct --ranking, or make one: intertrain-jax"
            " rank."
        )
    return path


def _read(path: Path) -> tuple[dict[str, float], list[str]]:
    """Returns label → score of a table as `rank` writes it, and what of it was left out."""
    table = read_delimited(path)
    at = {name.casefold(): k for k, name in enumerate(table.header)}
    for column in ("model", "score"):
        if column not in at:
            raise IntertrainError(
                f"ranking {str(path)!r} must be a CSV file with the columns model and score, as `rank`"
                f" writes it, but has {', '.join(table.header)[:200]}.{nearest(column, at)} Correct"
                " --ranking."
            )
    twin_at = at.get("same_weights_as")
    scores: dict[str, float] = {}
    without, twins = list[str](), list[str]()
    for line, row in zip(table.lines, table.rows, strict=True):
        # An apostrophe keeps spreadsheets from taking a name for a formula.
        label, text = row[at["model"]].strip().removeprefix("'"), row[at["score"]].strip()
        score = number_of(text.replace(",", "."))
        if score is None and text.casefold() not in _NO_SCORE:
            raise IntertrainError(
                f"ranking {str(path)!r}, line {line}: score must be a number or empty, got"
                f" {text[:40]!r}. Correct it."
            )
        if not label or score is None:
            without.append(label)
        elif twin_at is not None and row[twin_at].strip():
            twins.append(label)
        elif scores.setdefault(label, score) != score:
            raise IntertrainError(
                f"ranking {str(path)!r}, line {line}: model {label!r} has score {score:g}, and"
                f" {scores[label]:g} above. Remove one of them."
            )
    notes = []
    for left, what in (
        (without, "have no score and are left out"),
        (twins, "have the weights of others"),
    ):
        if left:
            notes.append(f"{len(left)} models of the ranking {what}: {', '.join(left[:3])}")
    return scores, notes
