"""The five lines that a reader of an analysis needs most."""

from __future__ import annotations

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from intertrain_jax.base import counted
from intertrain_jax.diagnosis.findings import said_of
from intertrain_jax.report import numbers
from intertrain_jax.report.canvas import short
from intertrain_jax.report.numbers import known_interval
from intertrain_jax.stats.coefficients import COEFFICIENTS
from intertrain_jax.stats.correlation import Correlation
from intertrain_jax.stats.ranks import REVERSED
from intertrain_jax.stats.regress import Regression
from intertrain_jax.study.pairs import PairsResult
from intertrain_jax.study.result import Result
from intertrain_jax.study.statistics.collapsed import COLLAPSED
from intertrain_jax.study.statistics.loss import LOSS
from intertrain_jax.study.statistics.probe_gain import PROBE_GAIN
from intertrain_jax.study.statistics.ranks import RANKS
from intertrain_jax.study.statistics.regression import REGRESSION
from intertrain_jax.study.statistics.significance import SIGNIFICANCE

# More names than this are counted instead.
_MOST_NAMES = 6
# Standard deviations on each side of a 95 % interval.
_TWO_SIDED = 1.96
_EXPLAINS = {
    "bilinear": "(base + target)·sensitivity",
    "base": "the base model's average",
    "target": "the target's average",
}


def print_closing(console: Console, lines: list[tuple[str, str]]) -> None:
    """Prints lines of a word and what there is to say; names in them are never markup."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for word, said in lines:
        table.add_row(Text(word, style="bold"), Text(said))
    console.print(table)


def closing_lines(result: Result) -> list[tuple[str, str]]:
    """Returns the best base model, significance, the ranking, what explains gains, what is missing."""
    return [
        ("best base model", _best(result) + _best_with_all(result)),
        ("significant", _significant(result)),
        ("ranking", _ranking(result) + _ranking_with_all(result)),
        ("structure", _structure(result) + _structure_with_all(result)),
        ("not compared", _not_compared(result)),
        *_collapsed(result),
    ]


def pairs_lines(result: PairsResult) -> list[tuple[str, str]]:
    """Returns the correlations and the line."""
    pairs, line = result.pairs, result.line
    rows = counted(len(pairs.x), "row")
    return [
        ("pairs", f"{pairs.x_name} and {pairs.y_name}: {result.pearson.n} of {rows} have both"),
        *((COEFFICIENTS[k].title, correlated(c)) for k, c in result.coefficients.items()),
        (
            "line",
            f"{short(pairs.y_name)} = {line.slope:{numbers.SLOPE}}·{short(pairs.x_name)}"
            f" {numbers.added(line.intercept)}"
            f"; slope {known_interval(line.slope_low, line.slope_high, numbers.SLOPE)}, intercept"
            f" {known_interval(line.intercept_low, line.intercept_high, numbers.GAIN)}",
        ),
    ]


def leaderboard_lines(result: Result) -> list[tuple[str, str]]:
    """Returns what a leaderboard has beside the five lines: probe, losses, and rows left out."""
    lines = []
    probes = PROBE_GAIN.of(result) or ()
    for probe in probes:
        said = [f"{COEFFICIENTS[k].title} {correlated(c)}" for k, c in probe.coefficients.items()]
        lines.append(("probe and gain", f"correlation over {probe.models}: {'; '.join(said)}"))
    if any(probe.pearson.clusters for probe in probes):
        lines.append(
            (
                "groups",
                "models of one owner or series, or with nearly equal rows, count together in these"
                " intervals and p-values: they are no independent evidence",
            )
        )
    for named in LOSS.of(result) or ():
        loss = named.loss
        lines.append(
            (
                f"loss@{loss.top}",
                f"ranked by {named.ranking}: average {loss.average:{numbers.SCORE}}, at most"
                f" {loss.maximum:{numbers.SCORE}} points; above 1 point on {loss.above}"
                f" of {loss.decided} targets",
            )
        )
    return lines


def correlated(found: Correlation) -> str:
    """Returns a coefficient with its interval and p-value."""
    if not np.isfinite(found.value):
        return "undefined"
    interval = known_interval(found.low, found.high, "+" + numbers.COEFFICIENT)
    said = [f"{found.value:{numbers.COEFFICIENT}} {interval}"]
    if np.isfinite(found.p):
        said.append(numbers.p_value(found.p, COEFFICIENTS[found.kind].least_p))
    said.append(f"n = {found.n}")
    return ", ".join(said) + (f" in {counted(found.clusters, 'group')}" if found.clusters else "")


def _best(result: Result) -> str:
    models = result.models()
    known = models[models["average"].notna()]
    if not len(known):
        return "none: no base model has a gain"
    best = known.iloc[0]
    ranks = RANKS.of(result)
    text = (
        f"{short(best['base'])}: average gain {best['average']:{numbers.GAIN}} points over"
        f" {counted(len(result.averages.targets), 'target')}, the highest of"
        f" {counted(len(known), 'base model')}"
    )
    if np.isfinite(best["low"]):
        interval = known_interval(best["low"], best["high"], numbers.GAIN)
        text += f"; {numbers.PERCENT} interval {interval}"
        text += f" {_over(ranks.basis)}" if ranks is not None else ""
    if np.isfinite(best["best"]):
        probability, three = (numbers.probability(best[name]) for name in ("best", "top3"))
        text += f"; probability of being the best {probability}, of the top 3 {three}"
        if len(known) > 2 and ranks is not None:
            text += "; all three allow for luck in being the highest"
    return text + _rests_on_one(result)


def _significant(result: Result) -> str:
    found = SIGNIFICANCE.of(result)
    if found is None:
        return f"not known: {_lower(result.not_computed['significance'])}"
    two_std, adjusted = (
        found.two_std_above + found.two_std_below,
        found.adjusted_above + found.adjusted_below,
    )
    return (
        f"of {counted(found.tested, 'gain')} with two seeds or more, {two_std} differ from 0 by more"
        f" than 2 standard deviations over seeds that are enough to tell ({found.two_std_above} up,"
        f" {found.two_std_below} down),"
        f" and {adjusted} by paired t-tests, of which at most {numbers.share(found.level)} are expected"
        f" to be false ({found.adjusted_above} up, {found.adjusted_below} down)"
    )


def _ranking(result: Result) -> str:
    ranks = RANKS.of(result)
    if ranks is None:
        return f"undecided: {_lower(result.not_computed['ranks'])}"
    table, over = ranks.table, _over(ranks.basis)
    first = [model.base for model in table.models if 1 in model.groups]
    if len(first) == len(table.models):
        return (
            f"undecided: {over}, each of the {counted(len(first), 'base model')} may be as good as the"
            f" first{_rests_on_one(result)}"
        )
    others = len(table.models) - len(first)
    rest = (
        f"{over}, {'the other is' if others == 1 else f'each of the other {others} is'} behind the"
        f" first with a probability of at least {1.0 - REVERSED:.0%}".replace("%", " %")
        + _rests_on_one(result)
    )
    if len(first) == 1:
        second = [model.base for model in table.models if 2 in model.groups]
        undecided = f"; which is second of {_names(second)} is undecided" if len(second) > 1 else ""
        return f"{short(first[0])} is first: {rest}{undecided}"
    return f"undecided which of {len(first)} is first, {_names(first)}; {rest}"


def _over(basis: str) -> str:
    """Returns in words what an uncertainty is of."""
    seeds = basis == "seeds"
    return "with other seeds on the same test sets" if seeds else "on other targets like these"


def _structure(result: Result) -> str:
    regressions = REGRESSION.of(result)
    if regressions is None:
        return f"not known: {_lower(result.not_computed['regression'])}"
    found = min(regressions.regressors, key=_held_out)
    constant = found.held_out_variance
    if not np.isfinite(constant):
        return f"not known: no cell of {found.n} could be held out"
    least = found.p <= 1.0 / (1 + found.shuffles) * (1 + 1e-9)
    chance = f"p at most {found.p:.1g}" if least else f"p = {found.p:{numbers.P}}"
    spread = (
        f" (±{found.held_out_spread:{numbers.SPREAD}} by which gains are held out)"
        if found.held_out_spread > 0.0
        else ""
    )
    error = f"{found.held_out_mse:{numbers.ERROR}}{spread}"
    ways, held = len(regressions.regressors), counted(found.held_out_n, "gain")
    said = (
        f"gains follow none of {ways} rules: the mean of all predicts {held} that were held out best,"
        f" with a mean squared error of {constant:{numbers.ERROR}}; next is {_EXPLAINS[found.kind]}"
        f" with {error}"
        if found.held_out_mse >= constant
        else f"gains follow {_EXPLAINS[found.kind]}, the best of {ways} rules: on {held} that were held"
        f" out its mean squared error is {error}, that of the mean of all {constant:{numbers.ERROR}}"
    )
    return (
        f"{said}; fitted to all {counted(found.n, 'gain')} its error is {found.mse:{numbers.ERROR}}, to"
        f" shuffled gains {found.shuffled_mean:{numbers.ERROR}}"
        f" ±{found.shuffled_std:{numbers.SPREAD}} ({chance})"
    )


def _held_out(found: Regression) -> float:
    """Returns the error on cells held out, infinite where there are none."""
    return found.held_out_mse if np.isfinite(found.held_out_mse) else np.inf


def _not_compared(result: Result) -> str:
    study, parts = result.study, []
    cells = counted(study.cells, "cell")
    parts.append(f"{study.missing} of {cells} missing")
    if study.thin:
        parts.append(f"{study.thin} with fewer seeds")
    if (unpaired := int(study.gains.unpaired.to_numpy().sum())) > 0:
        are = "is a difference" if unpaired == 1 else "are differences"
        parts.append(f"{counted(unpaired, 'gain')} {are} of means, as no seeds pair")
    if study.missing:
        how = result.averages.how
        parts.append(
            "averages by the additive model"
            if how == "additive"
            else f"averages over {counted(len(result.averages.targets), 'common target')}"
        )
    rows = {finding.row for finding in study.left_out}
    if rows:
        parts.append(f"{counted(len(rows), 'row')} left out: {said_of(study.left_out)}")
    if result.not_computed:
        missing = [name.replace("_", " ") for name in sorted(result.not_computed)]
        parts.append(f"not computed, for reasons in summary.json: {_names(missing)}")
    return "; ".join(parts)


def _best_with_all(result: Result) -> str:
    """Says the best of all rows where those left out change it by more than half of its interval."""
    if result.everything is None:
        return ""
    kept, models = result.models(), result.everything.models()
    kept, models = kept[kept["average"].notna()], models[models["average"].notna()]
    if not len(kept) or not len(models):
        return ""
    before, after = kept.iloc[0], models.iloc[0]
    half = (before["high"] - before["low"]) / 2.0
    if before["base"] == after["base"] and abs(after["average"] - before["average"]) <= half:
        return ""
    return (
        f"; with {_all_rows(result)} it is {short(after['base'])},"
        f" {after['average']:{numbers.GAIN}} of {counted(len(models), 'base model')}"
    )


def _ranking_with_all(result: Result) -> str:
    """Says which are first of all rows where that is another set."""
    if result.everything is None:
        return ""
    before, after = (_first(r) for r in (result, result.everything))
    if not before or not after or set(before) == set(after):
        return ""
    names = f": {_names(after)}" if len(after) <= _MOST_NAMES else ""
    count = f"{len(after)} may be first{names}" if len(after) > 1 else f"{_names(after)} is first"
    return f"; with {_all_rows(result)} {count}"


def _structure_with_all(result: Result) -> str:
    """Says the held-out error of all rows where it leaves the interval over fold seeds."""
    if result.everything is None:
        return ""
    kept, everything = REGRESSION.of(result), REGRESSION.of(result.everything)
    if kept is None or everything is None:
        return ""
    before, after = (min(r.regressors, key=_held_out) for r in (kept, everything))
    half = _TWO_SIDED * before.held_out_spread
    if before.kind == after.kind and abs(after.held_out_mse - before.held_out_mse) <= half:
        return ""
    return (
        f"; with {_all_rows(result)} the least error on those held out is"
        f" {after.held_out_mse:{numbers.ERROR}}, by {_EXPLAINS[after.kind]}, that of the mean of all"
        f" {after.held_out_variance:{numbers.ERROR}}"
    )


def _all_rows(result: Result) -> str:
    return f"the {counted(len({f.row for f in result.study.left_out}), 'row')} left out for errors"


def _first(result: Result) -> list[str]:
    """Returns the base models that cannot be told apart from the first."""
    ranks = RANKS.of(result)
    return [] if ranks is None else [m.base for m in ranks.table.models if 1 in m.groups]


def _rests_on_one(result: Result) -> str:
    """Says that averages are of one target where they are: no average over targets then."""
    targets = result.averages.targets
    return f"; this rests on one target, {short(targets[0])}, alone" if len(targets) == 1 else ""


def _collapsed(result: Result) -> list[tuple[str, str]]:
    """Returns the line of collapsed runs and what follows from them; none where there are none."""
    found = COLLAPSED.of(result)
    if found is None or not len(found.runs):
        return []
    worst = found.shares[found.shares["collapsed"] > 0]
    named = [
        f"{short(str(row.base))} ({row.collapsed} of {row.runs})" for row in worst.itertuples()
    ]
    more = f" and {len(named) - _MOST_NAMES} more" if len(named) > _MOST_NAMES else ""
    runs = len(found.runs)
    return [
        (
            "collapsed",
            f"{counted(runs, 'run')} learned nothing where other seeds did, and"
            f" {'is' if runs == 1 else 'are'} left out of gains, averages and noise:"
            f" {', '.join(named[:_MOST_NAMES])}{more}",
        )
    ]


def _names(names: list[str]) -> str:
    shown = ", ".join(short(name) for name in names[:_MOST_NAMES])
    more = len(names) - _MOST_NAMES
    return f"{shown} and {more} more" if more > 0 else shown


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:].rstrip(".")
