"""Every statistic that a study allows, and for the others the reason why not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import numpy as np
import pandas as pd

from intertrain_jax.base import IntertrainError, nearest
from intertrain_jax.readers.csv import FEWEST_MODELS
from intertrain_jax.stats.averages import (
    AverageGains,
    average_gains,
    count_significant,
    max_gains,
)
from intertrain_jax.stats.correlation import correlation
from intertrain_jax.stats.groups import Anova, GroupMean, group_anova, group_means
from intertrain_jax.stats.lines import fit_line
from intertrain_jax.stats.noise import (
    AverageDraws,
    average_draws,
    fit_noise,
    gain_intervals,
    sampling_errors,
)
from intertrain_jax.stats.ranking import Loss, loss_at, losses_at_average, rank_table
from intertrain_jax.stats.regress import fit_regressor, regression
from intertrain_jax.stats.sensitivity import compare_architectures, sensitivity
from intertrain_jax.stats.sizes import size_effects
from intertrain_jax.stats.symmetry import symmetry
from intertrain_jax.study.curves import NamedCurve, size_curves, sized_gains
from intertrain_jax.study.inputs import Study
from intertrain_jax.study.result import NamedLoss, Options, ProbeGain, Ranking, Result
from intertrain_jax.study.source_scores import SourceScores, source_scores

# Of everything random in an analysis: the same study gives the same numbers.
SEED = 0
TOPS = (1, 3)
_DRAWS, _SHUFFLES = 2000, 100
_REPRESENTATIVE = "mnli"
T = TypeVar("T")


class _Attempts:
    """Computes what can be computed, and keeps the reasons for the rest."""

    def __init__(self) -> None:
        self.reasons: dict[str, str] = {}

    def __call__(self, name: str, obstacle: str | None, compute: Callable[[], T]) -> T | None:
        """Returns what `compute` gives, or None where there is an obstacle or it raises one."""
        if obstacle is None:
            try:
                return compute()
            except IntertrainError as error:
                obstacle = str(error)
        self.reasons[name] = obstacle
        return None


def analyse_study(study: Study, options: Options | None = None) -> Result:
    """Computes every statistic that a study allows.

    Args:
        study: any number of base models and targets, any cells missing.
        options: the user's choices.

    Raises:
        IntertrainError: the representative that the user names is no base model.
    """
    options = options or Options()
    gains = study.gains.mean
    attempt = _Attempts()
    how = options.how or ("additive" if study.missing else "common")
    averages = average_gains(gains, how)
    result = Result(study, averages, max_gains(gains), not_computed=attempt.reasons)
    result = _uncertainty(result, attempt)
    if study.pretrained_scores.isna().all():
        attempt.reasons["pretrained_scores"] = "The pretrained model's own scores are not known."
    few = _too_few(gains)
    average = averages.series().dropna()
    representative = _representative(study, options)
    if representative is None and len(average):
        representative = str(average.idxmax())
    losses = _losses(study, attempt)
    regressions = attempt(
        "regression",
        few or _no_freedom(gains),
        lambda: tuple(
            regression(gains, kind, SEED, _SHUFFLES) for kind in ("bilinear", "base", "target")
        ),
    )
    group_pair = _groups(study, attempt)
    sizes = len(set(study.train_sizes.values()) if study.train_sizes else ())
    return replace(
        result,
        sensitivity=attempt(
            "sensitivity",
            few
            or ("There are fewer than three targets." if gains.shape[1] < 3 else None)
            or (None if representative else "No base model has an average gain to stand out by."),
            lambda: sensitivity(gains, representative or ""),
        ),
        losses=losses,
        probe=_probe(study, average, attempt),
        group_means=group_pair[0],
        anova=group_pair[1],
        regressions=regressions or (),
        bilinear=fit_regressor(gains, "bilinear", SEED) if regressions else None,
        symmetry=attempt("symmetry", _not_square(gains), lambda: symmetry(gains, SEED)),
        size_effects=attempt(
            "size_effects",
            few
            or ("Train sizes are not known." if not sizes else None)
            or ("All tasks have the same train size." if sizes == 1 else None),
            lambda: size_effects(gains, study.train_sizes),
        )
        or (),
        curves=_curves(study, options, attempt),
        source_scores=_source_scores(study, attempt),
        architectures=attempt(
            "architectures",
            _not_common(gains, options),
            lambda: compare_architectures(gains, _other(options).gains.mean),
        ),
    )


def _uncertainty(result: Result, attempt: _Attempts) -> Result:
    """Adds noise, intervals, significance and ranks."""
    study, gains = result.study, result.study.gains
    runs = study.runs
    single = None if (gains.n.to_numpy() > 1).any() else "No cell has two seeds."
    significance = attempt("significance", single, lambda: count_significant(gains))
    noise = attempt("noise", _spreadless(runs), lambda: fit_noise(_scores(runs)))
    intervals = draws = unseen = None
    if noise is not None and runs is not None:
        n_base, n_pretrained = _counts(runs, study)
        common = (gains.mean, n_base, n_pretrained, noise)
        intervals = attempt("gain_intervals", None, lambda: gain_intervals(*common))
        unseen = attempt(
            "gain_intervals_unseen",
            None if study.test_sizes else "Sizes of test sets are not known.",
            lambda: gain_intervals(*common, _sampling(study, runs)),
        )
        draws = attempt(
            "average_gain_draws",
            _unrankable(result.averages, True),
            lambda: average_draws(*common, SEED, how=result.averages.how, draws=_DRAWS),
        )
    else:
        for name in ("gain_intervals", "gain_intervals_unseen", "average_gain_draws"):
            attempt.reasons[name] = attempt.reasons["noise"]
    ranks = attempt(
        "ranks",
        _unrankable(result.averages, draws is not None),
        lambda: _ranks(gains.mean, result.averages, draws),
    )
    return replace(
        result,
        significance=significance,
        noise=noise,
        intervals=intervals,
        intervals_unseen=unseen,
        draws=draws,
        ranks=ranks,
    )


def _ranks(gains: pd.DataFrame, averages: AverageGains, draws: AverageDraws | None) -> Ranking:
    if draws is not None:
        return Ranking("seeds", rank_table(draws.estimate, draws.draws), draws.draws)
    sampled = _bootstrap_targets(gains, averages)
    return Ranking("targets", rank_table(averages.series().dropna(), sampled), sampled)


def _bootstrap_targets(gains: pd.DataFrame, averages: AverageGains) -> pd.DataFrame:
    """Returns average gains over targets drawn with replacement, the same ones for every model.

    A model's missing cells are left out of a draw, as they are of its average.
    """
    average = averages.series().dropna()
    known = gains.loc[average.index, list(averages.targets)]
    centred = known.sub(average, axis=0)
    # What a target gives to all models alike moves no rank, but would where cells are missing.
    centred = centred - centred.mean()
    centred = centred.sub(centred.mean(axis=1), axis=0)
    targets = known.shape[1]
    weights = np.random.default_rng(SEED).multinomial(
        targets, np.full(targets, 1 / targets), _DRAWS
    )
    sums = weights @ centred.fillna(0.0).to_numpy().T
    counts = weights @ known.notna().to_numpy(dtype=float).T
    moved = np.divide(sums, counts, out=np.zeros_like(sums), where=counts > 0)
    return pd.DataFrame(average.to_numpy() + moved, columns=average.index)


def _losses(study: Study, attempt: _Attempts) -> tuple[NamedLoss, ...]:
    """Tables 1 and 6: by probe, by average gain, and by the average of the other targets."""
    gains = study.gains.mean
    models = int(gains.notna().any(axis=1).sum())
    unprobed = None if len(study.probe) else "There are no probe scores."
    single = None if gains.shape[1] > 1 else "There is only one target."
    tops = [top for top in TOPS if models > top]
    ways: tuple[tuple[str, str | None, Callable[[], tuple[Loss, ...]]], ...] = (
        ("probe", unprobed, lambda: tuple(loss_at(gains, study.probe, top) for top in tops)),
        ("average", None, lambda: losses_at_average(gains, tops, leave_target_out=False)),
        (
            "average of other targets",
            single,
            lambda: losses_at_average(gains, tops, leave_target_out=True),
        ),
    )
    losses: list[NamedLoss] = []
    for way, obstacle, compute in ways:
        names = {top: f"loss_{top}_by_{way.replace(' ', '_')}" for top in TOPS}
        found = None
        for top, name in names.items():
            few = None if top in tops else f"There are only {models} base models with a gain."
            if few or obstacle:
                attempt.reasons[name] = few or obstacle or ""
            elif found is None:
                found = attempt(name, None, compute)
        losses += [NamedLoss(way, loss) for loss in found or ()]
    return tuple(sorted(losses, key=lambda named: named.loss.top))


def _probe(study: Study, average: pd.Series[float], attempt: _Attempts) -> tuple[ProbeGain, ...]:
    """Fig. 2; of a leaderboard, once more with the rows that are left out."""
    if not len(study.probe):
        attempt.reasons["probe_gain"] = "There are no probe scores."
        return ()
    everything = study.with_suspicious
    if everything is None or not everything["suspicious"].any():
        return (_probe_gain("all rows", pd.DataFrame({"probe": study.probe, "average": average})),)
    return (
        _probe_gain("without suspicious rows", everything[~everything["suspicious"]]),
        _probe_gain("with suspicious rows", everything),
    )


def _probe_gain(models: str, table: pd.DataFrame) -> ProbeGain:
    x, y = table["probe"].to_numpy(dtype=float), table["average"].to_numpy(dtype=float)
    return ProbeGain(
        models, correlation(x, y, "pearson"), correlation(x, y, "spearman"), fit_line(x, y)
    )


def _groups(study: Study, attempt: _Attempts) -> tuple[tuple[GroupMean, ...], tuple[Anova, ...]]:
    """Table 2, and the analysis of variance over source groups."""
    gains, groups = study.gains.mean, study.groups
    sources = [g for g, names in groups.items() if set(names) & set(gains.index)]
    targets = [g for g, names in groups.items() if set(names) & set(gains.columns)]
    obstacle = None
    if not sources or not targets:
        who = "Base models" if targets else "Targets"
        obstacle = f"{who} belong to no known group of tasks."
    elif len(sources) < 2 and len(targets) < 2:
        obstacle = "All sources and targets are of one group."
    one = "All sources are of one group." if len(sources) < 2 else None
    means = attempt("group_means", obstacle, lambda: group_means(gains, groups))
    anova = attempt(
        "anova",
        obstacle or one,
        lambda: tuple(
            test for unit in ("cell", "source") for test in group_anova(gains, groups, unit)
        ),
    )
    return means or (), anova or ()


def _curves(study: Study, options: Options, attempt: _Attempts) -> tuple[NamedCurve, ...]:
    stores = [study.records, *options.sizes]
    obstacle = (
        None if study.records else "Train sizes of runs are known of results directories only."
    )
    curves = attempt("size_curves", obstacle, lambda: size_curves(sized_gains(stores)))
    if curves == ():
        attempt.reasons["size_curves"] = (
            "The runs have one train size only. Give results at other sizes with --sizes."
        )
    return curves or ()


def _source_scores(study: Study, attempt: _Attempts) -> SourceScores | None:
    runs = study.runs
    if runs is None or not study.records:
        attempt.reasons["source_scores"] = (
            "Scores of source runs are known of results directories only."
        )
        return None
    return attempt(
        "source_scores",
        None if study.sources else "No base model of the study comes from a source run.",
        lambda: source_scores(runs, study.records, study.sources),
    )


def _representative(study: Study, options: Options) -> str | None:
    """Returns the base model that the user names, or else MNLI's, if it is there."""
    rows = [str(row) for row in study.gains.mean.index]
    named = options.representative
    if named is not None and named not in rows:
        raise IntertrainError(
            f"--representative must be a base model of the study, got {named!r}."
            f"{nearest(named, rows)} Correct it."
        )
    return named or next((row for row in rows if row.casefold() == _REPRESENTATIVE), None)


def _other(options: Options) -> Study:
    assert options.other is not None
    return options.other


def _scores(runs: pd.DataFrame | None) -> pd.DataFrame:
    assert runs is not None
    return runs[["base", "target", "seed", "score"]]


def _counts(runs: pd.DataFrame, study: Study) -> tuple[pd.DataFrame, pd.Series[int]]:
    """Returns how many seeds each cell and the pretrained model have."""
    gains = study.gains.mean
    counts = runs.groupby(["base", "target"])["score"].count().unstack(fill_value=0)
    counts = counts.reindex(columns=gains.columns, fill_value=0)
    empty = pd.Series(0, index=gains.columns)
    pretrained = counts.T[study.pretrained] if study.pretrained in counts.index else empty
    return counts.reindex(gains.index, fill_value=0), pd.Series(pretrained)


def _sampling(study: Study, runs: pd.DataFrame) -> pd.DataFrame:
    """Returns what the test set's size adds to the error of a gain."""
    gains = study.gains.mean
    scores = runs.groupby(["base", "target"])["score"].mean().unstack()
    scores = scores.reindex(index=gains.index, columns=gains.columns)
    return sampling_errors(scores, study.pretrained_scores, study.test_sizes)


def _spreadless(runs: pd.DataFrame | None) -> str | None:
    if runs is None:
        return "One number per cell is known: seeds have no spread."
    if (runs.groupby(["base", "target"])["score"].count() > 1).any():
        return None
    return "No base model has two seeds on any target."


def _too_few(gains: pd.DataFrame) -> str | None:
    models = int(gains.notna().any(axis=1).sum())
    if models >= FEWEST_MODELS:
        return None
    return f"There must be at least {FEWEST_MODELS} base models with a gain, there are {models}."


def _no_freedom(gains: pd.DataFrame) -> str | None:
    """Says why a regressor would fit everything."""
    rows, columns = gains.dropna(how="all").dropna(axis=1, how="all").shape
    if columns < 2:
        return "There is only one target with a gain."
    if int(gains.notna().to_numpy().sum()) <= rows + 2 * columns - 2:
        return (
            "There are no more gains than the bilinear regressor has parameters:"
            f" {rows} base models on {columns} targets."
        )
    return None


def _not_square(gains: pd.DataFrame) -> str | None:
    both = [name for name in gains.index if name in gains.columns]
    if len(both) >= FEWEST_MODELS:
        return None
    return f"Only {len(both)} names are both a base model and a target; {FEWEST_MODELS} are needed."


def _not_common(gains: pd.DataFrame, options: Options) -> str | None:
    if options.other is None:
        return "No second study was given with --with."
    common = gains.columns.intersection(options.other.gains.mean.columns)
    if len(common) >= FEWEST_MODELS:
        return None
    return f"Only {len(common)} targets are common to both studies; {FEWEST_MODELS} are needed."


def _unrankable(averages: AverageGains, seeds: bool) -> str | None:
    known = len(averages.series().dropna())
    if known < 2:
        return f"There must be two base models with an average gain, there are {known}."
    if not seeds and len(averages.targets) < FEWEST_MODELS:
        return (
            "Without seeds, ranks are uncertain by the choice of targets, of which there are only"
            f" {len(averages.targets)}."
        )
    return None
