"""The ranking of probed models, with intervals, and how well it foretells finetuning gains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from intertrain_jax.records.probes import ProbeRecord, unpack_answers
from intertrain_jax.stats.clusters import clusters_of
from intertrain_jax.stats.coefficients import coefficients
from intertrain_jax.stats.correlation import CONFIDENCE

# Draws of the bootstrap, and its seed: a table is the same every time.
DRAWS, _SEED = 2000, 0
COLUMNS = (
    *("rank", "model", "status", "score", "gain", "std", "n"),
    *("score_low", "score_high", "gain_low", "gain_high", "rank_low", "rank_high", "best"),
)
_LAST_COLUMNS = (
    *("learning_rate", "seconds", "same_weights_as", "tokenizer", "revision", "fingerprint"),
    *("notes", "reason"),
)


@dataclass(frozen=True)
class Ranking:
    """Models in the order of their probe scores, then those that have none.

    Attributes:
        table: one row per model that was asked for; columns `COLUMNS`, the other estimators, and
            what else is known. Models without a score have no rank and say why.
        estimators: names of its estimator columns beside the probe's "score".
        pretrained: label of the model that gains are over, if it has a score.
        asked: seeds asked for.
        n_test: test examples that scores are of; 0 where there is no score.
        largest_class: share of the largest class among them, in percent; None where it is not known.
    """

    table: pd.DataFrame
    estimators: tuple[str, ...]
    pretrained: str | None
    asked: int
    n_test: int = 0
    largest_class: float | None = None

    @property
    def ranked(self) -> pd.DataFrame:
        """The rows that have a rank."""
        return self.table[self.table["rank"].notna()]


def rank_models(
    labels: Sequence[str],
    records: Mapping[str, ProbeRecord],
    pretrained: str | None,
    asked: int,
    estimators: Sequence[str],
) -> Ranking:
    """Returns the ranking of the models that have a record, and the others as not done yet.

    A model's score is its mean test score over seeds, at the learning rate with the best mean
    validation score. Heads that give one class to every test example have learned nothing, and count as
    collapsed runs do: not at all; a model of which all do has no score. Intervals are of `CONFIDENCE`,
    from a bootstrap over test examples, which all models share, plus Normal noise of the seeds' own
    spread over √n (paper §4.2 has neither). "best" is the probability of being the best, from the same
    draws drawn towards the models' mean by the share of their variance that is noise: of many, the
    best measured is likely a lucky one.

    Args:
        labels: every model that was asked for.
        records: label → record.
        pretrained: label of the model that gains are over; it is ranked too.
        asked: seeds asked for.
        estimators: names beside "lp".
    """
    done = [label for label in labels if label in records and _counted(records[label])]
    draws_BxM = _draws([records[label] for label in done])
    scores_M = np.array([np.mean(_scores(records[label])) for label in done])
    ranks_BxM = rankdata(-draws_BxM, axis=1, method="min") if done else np.zeros((DRAWS, 0))
    best_M = _best(scores_M, draws_BxM)
    base = done.index(pretrained) if pretrained in done else None
    rows = []
    for m in np.argsort(-scores_M, kind="stable"):
        record, own = records[done[m]], _scores(records[done[m]])
        row = {
            "rank": 1 + int(np.sum(scores_M > scores_M[m])),
            "model": done[m],
            "status": "done",
            "score": scores_M[m],
            "std": np.std(own, ddof=1) if len(own) > 1 else np.nan,
            "n": len(own),
            **_interval("score", draws_BxM[:, m]),
            **_interval("rank", ranks_BxM[:, m]),
            "best": best_M[m],
            **{name: record.estimates.get(name) for name in estimators},
            **_facts(record),
        }
        if base is not None:
            row |= {"gain": scores_M[m] - scores_M[base]}
            row |= _interval("gain", draws_BxM[:, m] - draws_BxM[:, base])
        rows.append(row)
    for label in labels:
        if label in done:
            continue
        if label in records:
            record = records[label]
            row = {"model": label, "status": "failed", **_facts(record)}
            if record.status == "done":
                row |= {"status": "one class", "reason": _one_class(record)}
            rows.append(row)
        else:
            rows.append(
                {"model": label, "status": "missing", "reason": "It has not been probed yet."}
            )
    table = pd.DataFrame(rows, columns=[*COLUMNS, *estimators, *_LAST_COLUMNS])
    table["same_weights_as"] = pd.Series(_twins(table), table.index, object)
    counts = dict.fromkeys(("rank", "n", "rank_low", "rank_high"), "Int64")
    found = None if base is None else pretrained
    measured = [record for record in records.values() if record.status == "done"]
    shares = [r.largest_class for r in measured if r.largest_class is not None]
    return Ranking(
        table.astype(counts),
        tuple(estimators),
        found,
        asked,
        max((head.result.n_test for r in measured for head in r.chosen if head.result), default=0),
        max(shares, default=None),
    )


def _counted(record: ProbeRecord) -> list[int]:
    """Returns which of a record's chosen heads have a score, by their place among them."""
    return [at for at, head in enumerate(record.chosen) if head.seed not in record.one_class]


def _scores(record: ProbeRecord) -> list[float]:
    results = [record.chosen[at].result for at in _counted(record)]
    return [x.test for x in results if x is not None and x.test is not None]


def _one_class(record: ProbeRecord) -> str:
    """Returns what is said of a model all of whose heads give one class to every example."""
    heads = record.chosen
    had = sorted({f"{head.result.test:.2f}" for head in heads if head.result is not None})
    which = "Its head gives" if len(heads) == 1 else f"All {len(heads)} heads give"
    share = "the share of that class" if len(had) == 1 else "shares of classes"
    are = "is" if len(had) == 1 else "are"
    return f"{which} one class to every test example: {' and '.join(had)} {are} {share}, no score."


def _best(scores_M: NDArray[np.float64], draws_BxM: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns every model's probability of being the best; see `rank_models`."""
    models = len(scores_M)
    if models < 2:
        return np.ones(models)
    # What all models share, such as an easy test set, decides nothing between them.
    errors_BxM = draws_BxM - scores_M
    errors_BxM = errors_BxM - errors_BxM.mean(axis=1, keepdims=True)
    noise_M = errors_BxM.var(axis=0)
    signal = max(0.0, float(np.var(scores_M, ddof=1) - noise_M.mean()))
    with np.errstate(invalid="ignore"):
        kept_M = np.where(noise_M > 0, signal / (signal + noise_M), 1.0)
    centre_M = scores_M.mean() + kept_M * (scores_M - scores_M.mean())
    true_BxM = centre_M + np.sqrt(kept_M) * errors_BxM
    at_top = true_BxM >= true_BxM.max(axis=1, keepdims=True) - 1e-9
    return np.asarray((at_top / at_top.sum(axis=1, keepdims=True)).mean(axis=0))


def _facts(record: ProbeRecord) -> dict[str, object]:
    spent = sum(record.seconds.values())
    return {
        "learning_rate": record.learning_rate,
        "seconds": spent or None,
        "tokenizer": record.tokenizer,
        "revision": record.model.revision,
        "fingerprint": None if record.model.fingerprint is None else record.model.fingerprint[:16],
        "notes": "; ".join([*record.notes, *_left_out(record)]) or None,
        "reason": record.reason,
    }


def _left_out(record: ProbeRecord) -> list[str]:
    """Says how many heads do not count, where others do."""
    gone = len(record.chosen) - len(_counted(record))
    if not gone or not _counted(record):
        return []
    verb = "gives" if gone == 1 else "give"
    return [
        f"{gone} of {len(record.chosen)} heads {verb} one class to every test example, and"
        f" {'is' if gone == 1 else 'are'} left out of its score"
    ]


def _interval(name: str, draws_B: NDArray[np.float64]) -> dict[str, float]:
    outside = 100.0 * (1.0 - CONFIDENCE) / 2.0
    methods = ("lower", "higher") if name == "rank" else ("linear", "linear")
    return {
        f"{name}_{end}": float(np.percentile(draws_B, at, method=method))  # type: ignore[call-overload]
        for end, at, method in zip(
            ("low", "high"), (outside, 100.0 - outside), methods, strict=True
        )
    }


def _draws(records: Sequence[ProbeRecord]) -> NDArray[np.float64]:
    """Returns draws [B, M] of every model's score, in percent."""
    if not records:
        return np.zeros((DRAWS, 0))
    rng = np.random.default_rng(_SEED)
    first = records[0].chosen[0].result
    assert first is not None
    regression, n = first.metric == "spearman", first.n_test
    weights_BxN = rng.multinomial(n, np.full(n, 1.0 / n), DRAWS).astype(np.float32)
    columns = []
    for record in records:
        own = np.array(_scores(record)) / 100.0
        assert record.answers is not None
        answers_SxN = unpack_answers(record.answers, len(record.chosen), n, regression)
        answers_SxN = answers_SxN[_counted(record)]
        variance = np.var(own, ddof=1) if len(own) > 1 else 0.0
        if regression:
            assert record.labels is not None
            labels_N = unpack_answers(record.labels, 1, n, True)[0]
            draws_B = _weighted_spearman(answers_SxN, labels_N, weights_BxN)
        else:
            draws_B = (weights_BxN @ answers_SxN.mean(axis=0, dtype=np.float32)) / n
            if len(own) > 1:
                # Seeds disagree on single examples, which the bootstrap has drawn already.
                variance = max(0.0, variance - answers_SxN.var(axis=0, ddof=1).mean() / n)
        # A generator of their own per model: one more model changes nobody else's draws.
        seeded = np.random.default_rng([_SEED, int(record.id, 16)])
        columns.append(draws_B + np.sqrt(variance / len(own)) * seeded.standard_normal(DRAWS))
    return 100.0 * np.stack(columns, axis=1).astype(np.float64)


def _weighted_spearman(
    outputs_SxN: NDArray[np.float32],
    labels_N: NDArray[np.float32],
    weights_BxN: NDArray[np.float32],
) -> NDArray[np.float64]:
    """Returns [B] mean rank correlations of resampled examples, which keep their ranks."""
    y_N = _standardised(labels_N)
    found = np.zeros(len(weights_BxN))
    weights_BxN = (weights_BxN / weights_BxN.sum(axis=1, keepdims=True)).astype(np.float64)
    for outputs_N in outputs_SxN:
        x_N = _standardised(outputs_N)
        mean_x, mean_y = weights_BxN @ x_N, weights_BxN @ y_N
        covariance = weights_BxN @ (x_N * y_N) - mean_x * mean_y
        var_x = weights_BxN @ (x_N * x_N) - mean_x**2
        var_y = weights_BxN @ (y_N * y_N) - mean_y**2
        found += covariance / np.sqrt(var_x * var_y) / len(outputs_SxN)
    return found


def _standardised(values_N: NDArray[np.float32]) -> NDArray[np.float64]:
    ranks = rankdata(values_N)
    return np.asarray((ranks - ranks.mean()) / ranks.std())


def _twins(table: pd.DataFrame) -> list[str | None]:
    """Returns for every model which one before it in the table has the same weights."""
    seen: dict[str, str] = {}
    twins: list[str | None] = []
    for model, fingerprint in zip(table["model"], table["fingerprint"], strict=True):
        twin = seen.setdefault(fingerprint, model) if isinstance(fingerprint, str) else model
        twins.append(None if twin == model else twin)
    return twins


def gain_correlations(ranking: Ranking, gains: pd.DataFrame) -> pd.DataFrame:
    """Returns how every estimator correlates with average finetuning gains.

    Args:
        ranking: of models.
        gains: rows base models, columns targets, mean gain in points, NaN where missing. Only
            models with a gain on every target count, so that all are averaged over the same ones.

    Returns:
        One row per estimator and kind of correlation: estimator, kind, n, targets, value, p, low,
        high, clusters. The pretrained model, whose gain is zero by definition, does not count; models
        with one owner, series or weights, or nearly the same gains, are resampled together.
    """
    average = gains.dropna().mean(axis=1)
    ranked = ranking.ranked
    ranked = ranked[ranked["model"] != ranking.pretrained].set_index("model")
    common = [model for model in ranked.index if model in average.index]
    own = clusters_of(gains.loc[common]).numbers(common)
    twin = {label: at for at, label in enumerate(common)}
    for at, other in enumerate(ranked.loc[common, "same_weights_as"]):
        own[at] = own[twin[other]] if other in twin else own[at]
    rows = []
    for name, column in (("lp", "score"), *((e, e) for e in ranking.estimators)):
        values = ranked.loc[common, column].astype(float)
        agreement = coefficients(values.to_numpy(), average.loc[common].to_numpy(), own)
        for kind, found in agreement.items():
            rows.append(
                {
                    "estimator": name,
                    "kind": kind,
                    "n": found.n,
                    "targets": gains.shape[1],
                    "value": found.value,
                    "p": found.p,
                    "low": found.low,
                    "high": found.high,
                    "clusters": found.clusters,
                }
            )
    return pd.DataFrame(rows)
