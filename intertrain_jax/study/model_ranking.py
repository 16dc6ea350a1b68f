"""The ranking of probed models, with intervals, and how well it foretells finetuning gains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from intertrain_jax.records.probes import ProbeRecord, unpack_answers
from intertrain_jax.stats.coefficients import coefficients
from intertrain_jax.stats.correlation import CONFIDENCE

# Draws of the bootstrap, and its seed: a table is the same every time.
DRAWS, _SEED = 2000, 0
COLUMNS = (
    *("rank", "model", "status", "score", "gain", "std", "n"),
    *("score_low", "score_high", "gain_low", "gain_high", "rank_low", "rank_high"),
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
    """

    table: pd.DataFrame
    estimators: tuple[str, ...]
    pretrained: str | None
    asked: int

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
    validation score. Intervals are of `CONFIDENCE`, from a bootstrap over test examples, which all
    models share, plus Normal noise of the seeds' own spread over √n (paper §4.2 has neither).

    Args:
        labels: every model that was asked for.
        records: label → record.
        pretrained: label of the model that gains are over; it is ranked too.
        asked: seeds asked for.
        estimators: names beside "lp".
    """
    done = [label for label in labels if label in records and records[label].status == "done"]
    draws_BxM = _draws([records[label] for label in done])
    scores_M = np.array([np.mean(_scores(records[label])) for label in done])
    ranks_BxM = rankdata(-draws_BxM, axis=1, method="min") if done else np.zeros((DRAWS, 0))
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
            rows.append({"model": label, "status": "failed", **_facts(records[label])})
        else:
            rows.append(
                {"model": label, "status": "missing", "reason": "It has not been probed yet."}
            )
    table = pd.DataFrame(rows, columns=[*COLUMNS, *estimators, *_LAST_COLUMNS])
    table["same_weights_as"] = pd.Series(_twins(table), table.index, object)
    counts = dict.fromkeys(("rank", "n", "rank_low", "rank_high"), "Int64")
    found = None if base is None else pretrained
    return Ranking(table.astype(counts), tuple(estimators), found, asked)


def _scores(record: ProbeRecord) -> list[float]:
    return [head.result.test for head in record.chosen if head.result is not None]


def _facts(record: ProbeRecord) -> dict[str, object]:
    spent = sum(record.seconds.values())
    return {
        "learning_rate": record.learning_rate,
        "seconds": spent or None,
        "tokenizer": record.tokenizer,
        "revision": record.model.revision,
        "fingerprint": None if record.model.fingerprint is None else record.model.fingerprint[:16],
        "notes": "; ".join(record.notes) or None,
        "reason": record.reason,
    }


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
        answers_SxN = unpack_answers(record.answers, len(own), n, regression)
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
        high. The pretrained model, whose gain is zero by definition, does not count.
    """
    average = gains.dropna().mean(axis=1)
    ranked = ranking.ranked
    ranked = ranked[ranked["model"] != ranking.pretrained].set_index("model")
    common = [model for model in ranked.index if model in average.index]
    rows = []
    for name, column in (("lp", "score"), *((e, e) for e in ranking.estimators)):
        values = ranked.loc[common, column].astype(float)
        agreement = coefficients(values.to_numpy(), average.loc[common].to_numpy())
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
                }
            )
    return pd.DataFrame(rows)
