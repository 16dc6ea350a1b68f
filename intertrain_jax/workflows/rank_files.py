"""A ranking's files: gains that are read, tables and lists that are written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.ranking import RANKING_FILE, RankConfig
from intertrain_jax.readers.matrix import read_matrix
from intertrain_jax.readers.units import check_gains
from intertrain_jax.records.csv_text import csv_text
from intertrain_jax.records.probes import ProbeRecord
from intertrain_jax.records.results_dir import ResultsDir
from intertrain_jax.records.store import write_atomic
from intertrain_jax.study.model_ranking import Ranking, rank_models

CORRELATIONS_FILE = "gain_correlations.csv"


def read_gains(
    path: Path, required: bool, say: Callable[[str], None] = lambda note: None
) -> pd.DataFrame | None:
    """Returns a table of gains: rows base models, columns targets; None where there is none.

    Args:
        path: of the table.
        required: whether it must be there.
        say: is told how the file is written where that is not as usual.

    Raises:
        IntertrainError: it is required and not there, or not such a table.
    """
    if not required and not path.is_file():
        return None
    try:
        table = read_matrix(path)
    except IntertrainError as error:
        raise IntertrainError(
            f"gains {str(path)!r} must be a CSV table with a base model in the first column and a"
            f" number per target in the others: {error} Correct --gains."
        ) from error
    gains = table.values.set_axis(table.names.to_list(), axis=0)
    for note in (*table.notes, *check_gains(path, gains)):
        say(note)
    return gains


def write_table(out: Path, ranking: Ranking) -> None:
    """Writes ranking.csv, whole."""
    _write_csv(out / RANKING_FILE, ranking.table)


def write_correlations(out: Path, correlations: pd.DataFrame) -> None:
    """Writes gain_correlations.csv, whole."""
    _write_csv(out / CORRELATIONS_FILE, correlations)


def write_top(out: Path, ranking: Ranking, top: int) -> None:
    """Writes a list of the best models, for another command."""
    best = ranking.ranked[ranking.ranked["model"] != ranking.pretrained].head(top)
    lines = [f"# The {len(best)} best of {len(ranking.ranked)} models by their probe."]
    if ranking.pretrained is not None:
        lines.append(f"pretrained: {ranking.pretrained}")
    lines += [str(model) for model in best["model"]]
    write_atomic(out / top_file(top), "\n".join(lines) + "\n")


def top_file(top: int) -> str:
    """Returns the name of the list of the best models."""
    return f"top-{top}.txt"


def _write_csv(path: Path, table: pd.DataFrame) -> None:
    write_atomic(path, csv_text(table))


def ranking_of(config: RankConfig, records: Mapping[str, ProbeRecord]) -> Ranking:
    """Returns the ranking of a configuration's models.

    Args:
        config: models, seeds and estimators.
        records: label → record of those that have one.
    """
    labels = [ref.label for ref in config.refs]
    pretrained = None if config.pretrained is None else config.refs[0].label
    others = [name for name in config.estimators if name != "lp"]
    return rank_models(labels, records, pretrained, config.seeds, others)


def latest_ranking(config: RankConfig, out: Path) -> tuple[Ranking, dict[str, ProbeRecord]]:
    """Returns the ranking of a results directory, and its records by label, without loading anything.

    Of several records of one model, made as its files or the data changed, the newest counts; the time
    of its file only where records have none, as a copy has another.
    """
    store, records = ResultsDir(out).probes, {}
    found = store.read_all().by_key.values()
    for record in sorted(
        found, key=lambda one: (one.finished or "", store.path(one).stat().st_mtime_ns)
    ):
        records[record.model.label] = record
    return ranking_of(config, records), records
