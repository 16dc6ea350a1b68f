"""What a person's own results say of a new target, beside the published ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from intertrain_jax.base import IntertrainError, counted
from intertrain_jax.config.origins import other_names
from intertrain_jax.config.refs import ModelRef
from intertrain_jax.planning.plan import PRETRAINED
from intertrain_jax.readers.leaderboard import Leaderboard
from intertrain_jax.readers.matrix import Matrix
from intertrain_jax.readers.recognise import read_table
from intertrain_jax.readers.scores import Scores
from intertrain_jax.recommendation.candidates import Candidates
from intertrain_jax.recommendation.posterior import binomial_error
from intertrain_jax.recommendation.prior import FEWEST, PastTargets, fit_lines, read_past
from intertrain_jax.study.inputs import Study
from intertrain_jax.study.result import Options
from intertrain_jax.study.statistics.noise import NOISE
from intertrain_jax.study.statistics.statistic import Context
from intertrain_jax.workflows.analyze import grid_of, read_study


def past_of(
    results: Sequence[str | Path], candidates: Candidates, target: str
) -> tuple[PastTargets, list[str]]:
    """Returns the published past targets and those of some results, and what was learnt, in words.

    Args:
        results: results directories of grids, or tables as `analyze` takes them.
        candidates: the models to choose from, over whose ranking the lines are.
        target: name of the target, which is none of its own past ones.

    Raises:
        IntertrainError: results cannot be read, or hold no target with gains of enough candidates.
    """
    past, said = read_past(), list[str]()
    published = len(past.names)
    for name in results:
        study = _read(name, candidates.pretrained)
        own = past_of_study(study, candidates, target, past.usual_noise)
        if own is None:
            raise IntertrainError(
                f"--past {str(name)!r} must hold gains of at least {FEWEST} of the"
                f" {len(candidates.models)} candidates on a target other than {target!r}, but does"
                " not. Correct it, or leave it out."
            )
        past = past.and_of(own)
        said.append(
            f"{counted(len(own.names), 'past target')} of {name}: what gains may be here is learnt from"
            f" them and from {published} published ones"
        )
        if study.kind != "results":
            said += [f"{name}: {note}" for note in study.notes]
    return past, said


def _read(results: str | Path, pretrained: str) -> Study:
    """Returns the study of a results directory or a table.

    Raises:
        IntertrainError: it is neither, or its gains are over another pretrained model.
    """
    grid = grid_of(results)
    if grid is None:
        path = Path(results)
        return read_study(path, None, _own_row(read_table(path), pretrained), False)
    over = grid.config.model.ref
    if over.key != ModelRef.parse(pretrained).key:
        raise IntertrainError(
            f"--past {str(results)!r} must hold gains over the pretrained model {pretrained!r}, but they"
            f" are over {over.label!r}. Leave it out, or name that one: --pretrained."
        )
    return grid.study


def _own_row(table: Matrix | Scores | Leaderboard, pretrained: str) -> str | None:
    """Returns what a table calls the pretrained model where it has a row of it; None if it has gains."""
    if isinstance(table, Leaderboard):
        return None
    names = set(table.names if isinstance(table, Matrix) else table.runs["base"])
    return next((name for name in (pretrained, PRETRAINED) if name in names), None)


def past_of_study(
    study: Study, candidates: Candidates, target: str, usual_noise: float
) -> PastTargets | None:
    """Returns the lines of a study's targets over the ranking; None where no target has enough gains.

    Args:
        study: with gains over the same pretrained model.
        candidates: M models with scores of the ranking.
        target: is left out.
        usual_noise: of a run where seeds do not tell it, in points.
    """
    own = other_names(study.gains.mean.index, candidates.models)
    gains, seeds = (table.rename(index=own) for table in (study.gains.mean, study.gains.n))
    known = [model for model in candidates.models if model in gains.index]
    others = [name for name in gains.columns if name not in (target, target.removeprefix("my-"))]
    gains = gains.loc[known, others]
    gains = gains.loc[:, gains.notna().sum() >= FEWEST]
    if gains.empty:
        return None
    targets = list(map(str, gains.columns))
    x = dict(zip(candidates.models, candidates.x, strict=True))
    noise = _noise(study, targets, usual_noise)
    examples, scores = study.test_sizes, study.pretrained_scores
    error = [binomial_error(scores[t], examples[t]) if t in examples else 0.0 for t in targets]
    runs = seeds.loc[known, gains.columns].where(gains.notna()).mean().to_numpy(float)
    return fit_lines(
        targets,
        gains.to_numpy(float),
        [x[model] for model in known],
        noise / np.sqrt(runs),
        np.maximum(noise, error),
    )


def _noise(study: Study, targets: Sequence[str], usual: float) -> np.ndarray:
    """Returns [T] the standard deviation of a run, in points."""
    noise = Context(study, Options()).value(NOISE)
    found = {} if noise is None else {t.target: t.std for t in noise.targets}
    return np.array([found.get(target, usual) for target in targets])
