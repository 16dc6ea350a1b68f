"""What lies in a results directory, whichever command made it."""

from __future__ import annotations

from pathlib import Path

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.experiment import EXPERIMENT_FILE
from intertrain_jax.config.formats import is_file
from intertrain_jax.config.ranking import RANK_FILE, load_rank_config
from intertrain_jax.config.study import STUDY_FILE
from intertrain_jax.readers.csv import read_frame
from intertrain_jax.workflows.rank_files import CORRELATIONS_FILE, latest_ranking
from intertrain_jax.workflows.results import GridResult, RankResult, read_grid
from intertrain_jax.workflows.study import StudyResult, read_study


def results(path: str | Path) -> GridResult | RankResult | StudyResult:
    """Returns what lies in a results directory, as the call that made it would; computes nothing.

    Args:
        path: of a grid, of a ranking or of a study; of a grid and a ranking, the grid.

    Raises:
        IntertrainError: there is none of these.
    """
    out = Path(path)
    if is_file(out / STUDY_FILE):
        return read_study(out)
    if is_file(out / EXPERIMENT_FILE):
        return read_grid(out)
    if is_file(out / RANK_FILE):
        config = load_rank_config(out / RANK_FILE)
        ranking, records = latest_ranking(config, out)
        file = out / CORRELATIONS_FILE
        correlations = read_frame(file) if file.is_file() else None
        return RankResult(config, ranking, records, correlations, out)
    raise IntertrainError(
        f"results directory {str(out)!r} must hold an experiment, a ranking or a study, but there is"
        " none. Correct the path."
    )
