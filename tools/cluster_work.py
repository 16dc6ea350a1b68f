"""What the runs of a simulated campaign take (`simulate_cluster.py`): schedules, and shares of them.

The shares that runs need (`results/benchmarks/cluster-stopping.csv`) come from runs that were trained:
the quickstart's encoder on eight real tasks, with a patience of 6.4 % of the schedule, as MNLI's is in
the paper. Most ended as soon as that allows, others needed up to five times as long. With PROTOCOL as
"epochs=8, batch_size=32, learning_rate=5e-4, max_length=64, train_size=1000, validate_every=128,
patience=512", a --set for each, and 200 examples to validate on:

    intertrain-jax grid --data-dir DIR --out OUT --seeds 2 --set data.validation_size=200 PROTOCOL
      --set 'sources=[sst2, mnli, qqp]'
      --set 'targets=[sst2, mnli, qqp, qnli, trec_coarse, tweet_sentiment, ag_news, cola]'
    python tools/simulate_cluster.py --records OUT
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from intertrain_jax.base import stream
from intertrain_jax.config.experiment import ExperimentConfig
from intertrain_jax.data.packing import BlockShape
from intertrain_jax.planning.estimates import TASK_SIZES, run_tokens
from intertrain_jax.planning.plan import Plan
from intertrain_jax.planning.queue import Effort
from intertrain_jax.records.results_dir import ResultsDir
from intertrain_jax.workflows.inputs import plan_offline

BENCHMARKS = Path(__file__).resolve().parent.parent / "results" / "benchmarks"
STOPPING = BENCHMARKS / "cluster-stopping.csv"
# RoBERTa-base on an H100: 20.4 ms for 10,464 token slots (results/benchmarks/h100-first-look.json), of
# which nine in ten are filled.
_TOKENS_A_SECOND = 0.9 * 10_464 / 0.0204
# Forward passes alone are a third of the work of training.
_FORWARD = 1 / 3
# Tokens of a block, and of its rows for tasks of short, middling and long examples.
_BLOCK, _ROWS = 8192, (64, 128, 256)


@dataclass(frozen=True)
class Work:
    """The runs of a campaign, and what each takes.

    Attributes:
        plan: of the experiment.
        efforts: task → what the driver knows of its runs.
        seconds: run → of a whole device, early stopping seen to.
    """

    plan: Plan
    efforts: Mapping[str, Effort]
    seconds: Mapping[str, float]

    @property
    def total(self) -> float:
        """Seconds of one device for all runs."""
        return math.fsum(self.seconds.values())

    def bound(self, workers: int) -> float:
        """Returns seconds below which no schedule ends."""
        chains = (
            self.seconds[run.id] + self.seconds.get(run.depends_on or "", 0.0)
            for run in self.plan.runs
        )
        return max(self.total / workers, max(chains))


def work_of(config: ExperimentConfig, shares: NDArray[np.float64], seed: int) -> Work:
    """Returns the runs of an experiment, and draws how long each takes.

    Args:
        config: the experiment, of tasks with published sizes.
        shares: of their schedules that real runs needed.
        seed: of what is drawn.
    """
    plan, draws = plan_offline(config), stream(seed, "stopping")
    efforts, seconds = {}, {}
    for run in plan.runs:
        size, rules = TASK_SIZES[run.target], run.protocol
        trained, evaluated = run_tokens(rules, size)
        cut = trained / size.tokens > rules.patience
        share = float(draws.choice(shares)) if cut else 1.0
        tested = size.test * size.tokens
        device = share * (trained + (evaluated - tested) * _FORWARD) + tested * _FORWARD
        seconds[run.id] = device / _TOKENS_A_SECOND
        length = next(n for n in _ROWS if n >= min(2 * size.tokens, _ROWS[-1]))
        efforts[run.target] = Effort(BlockShape(_BLOCK // length, length, 24), int(trained))
    return Work(plan, efforts, seconds)


def read_shares(path: Path = STOPPING) -> NDArray[np.float64]:
    """Returns the shares of their schedules that real runs needed."""
    with path.open(encoding="utf-8", newline="") as file:
        return np.array([float(row["share"]) for row in csv.DictReader(file)])


def write_shares(records: Path, to: Path = STOPPING) -> None:
    """Writes the shares of the schedules that the runs of a results directory needed."""
    rows = []
    for record in ResultsDir(records).runs.read_all().by_key.values():
        rules, result = record.protocol, record.result
        if result is None or rules.epochs is None:
            continue
        share = result.examples / (rules.epochs * result.n_train)
        rows.append((record.base.label, record.target, record.seed, result.stop_reason, share))
    with to.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("base", "target", "seed", "stop_reason", "share"))
        writer.writerows((*row[:4], f"{min(row[4], 1.0):.4f}") for row in sorted(rows))
