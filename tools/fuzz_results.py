"""Makes the damaged inputs of `fuzz_inputs.py` that are results of grids and rankings."""

from __future__ import annotations

import random
import shutil
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from fuzz_damage import damage_file
from fuzz_kinds import KINDS as INPUTS
from fuzz_kinds import REPOSITORY, Case, command, experiment, write_data

from intertrain_jax.config.experiment import load_config

GRID, RANKING = (REPOSITORY / "results" / name for name in ("real-small", "real-small-rank"))


def damage_some(rng: random.Random, folder: Path, often: tuple[str, ...]) -> None:
    """Damages one or two files of a directory; those whose names are given come more often."""
    for _ in range(rng.randint(1, 2)):
        files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        files += [path for path in files if path.name in often] * 15
        damage_file(rng, rng.choice(files))
    if rng.random() < 0.1:
        place = rng.choice([path for path in sorted(folder.rglob("*")) if path.is_dir()])
        odd = place / rng.choice(
            ("a\nb.json", "\udcff.json", "-x--0123456789ab.json", "\x1b[2J.json")
        )
        odd.write_text(rng.choice(("{}", "", "[" * 9000)))


def of_records(rng: random.Random, folder: Path) -> Case:
    """The files of a finished grid."""
    grid, out = folder / "grid", folder / "out"
    shutil.copytree(GRID, grid)
    shutil.rmtree(grid / "analysis")
    damage_some(rng, grid, ("experiment.yaml", "resolution.json"))
    verbs: tuple[tuple[object, ...], ...] = (
        ("status", "--out", grid),
        ("analyze", grid, "--out", out),
        ("doctor", grid),
        ("plan", "--out", grid, "--explain", "rte:rte"),
        ("models", "kept", grid, "PT:rte:0", out),
        ("report", grid, "--out", out, "--no-figures"),
    )
    return Case(command(*rng.choice(verbs)), out)


def of_ranking(rng: random.Random, folder: Path) -> Case:
    """The files of a finished ranking."""
    ranking, out = folder / "ranking", folder / "out"
    shutil.copytree(RANKING, ranking)
    damage_some(rng, ranking, ("rank.yaml", "ranking.csv", "gain_correlations.csv"))
    verbs: tuple[tuple[object, ...], ...] = (
        ("status", "--out", ranking),
        ("analyze", ranking, "--out", out),
        ("doctor", ranking),
        ("analyze", ranking / "analysis" / "gains.csv", "--probe", ranking, "--out", out),
        ("report", ranking, "--out", out, "--no-figures"),
        ("rank", "--config", ranking / "rank.yaml", "--out", ranking, "--task", "mine"),
    )
    verb = rng.choice(verbs)
    return Case(command(*verb), ranking if verb[0] == "rank" else out)


def made_up_grid(config: dict[str, Any]) -> Callable[[], tuple[int, str]]:
    """Returns what does a grid with made-up scores: everything but training."""

    def run() -> tuple[int, str]:
        from intertrain_jax.base import IntertrainError, StopReason
        from intertrain_jax.engine.recording import GridProgress
        from intertrain_jax.records.results import RunResult
        from intertrain_jax.workflows.grid import grid
        from intertrain_jax.workflows.runner import Devices

        class MadeUp(Devices):
            """Trains nothing."""

            def run_grid(self, work: Any, emit: Any, watch: Any) -> Any:
                for run in work.plan.runs:
                    if run.id in work.done:
                        continue
                    task = work.tasks[work.key_of(run)]
                    sizes = [len(split) for split in (task.test, task.validation, task.train)]
                    ended = StopReason.SCHEDULE
                    result = RunResult(task.metric, 50.0, 60.0, *sizes, 1, 8, ended)
                    tested = work.plan.in_matrix(run)
                    emit(run, result if tested else replace(result, test=None), None)
                return GridProgress()

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                grid(load_config(config), runner=MadeUp())
        except IntertrainError as error:
            return error.exit_code, f"error: {error}\n"
        return 0, ""

    return run


_TRAINING: dict[str, tuple[Any, ...]] = {
    "protocol.method": ("probe", "lp_then_ft"),
    "protocol.head": ("inherit",),
    "protocol.schedule": ("constant",),
    "protocol.precision": ("bfloat16",),
    "protocol.learning_rate": (1e300, 1e-300, 1e30, 0.0, 1e-45),
    "protocol.epochs": (1e-9, 0.01, 1e300, 1e9, 10**30),
    "protocol.max_examples": (1, 10**30, 2**31, 2**63),
    "protocol.batch_size": (1, 7, 10**9, 2**31),
    "protocol.weight_decay": (1e300, 1e38, 1e-300),
    "protocol.l2_to_base": (1e300, 1e-300, 1.0),
    "protocol.clip_norm": (1e-300, 1e300, None),
    "protocol.probe_epochs": (0.0, 1e300, 1e-9),
    "protocol.warmup_fraction": (0.0, 1.0, 1e-300, 0.999),
    "protocol.adam_beta1": (0.0, 0.999999999),
    "protocol.adam_beta2": (0.0, 0.999999999),
    "protocol.adam_epsilon": (1e-300, 1e300),
    "protocol.dropout": (0.0, 0.99999999, 1e-300),
    "protocol.validate_every": (1, 10**18, 2**31),
    "protocol.patience": (1, 10**18),
    "protocol.early_stop_epsilon": (0.0, 1.0, 1e300),
    "protocol.max_length": (1, 2, 3, 65_536, 10**30),
    "protocol.train_size": (1, 2, 10**30),
    "engine.lanes": (1, 2, 3, 4096),
    "engine.devices": (1, 2, 4096),
    "engine.fuse": (1, 2, 4096),
    "engine.row_length": (16, 17, 65_536),
    "engine.block_rows": (1, 3, 65_536),
    "engine.checkpoint_minutes": (1e-9, 1e300),
    "engine.keep": ("sources", "best", "all"),
    "data.limit": (1, 2, 10**30),
    "data.validation_size": (1, 10**30),
}


def of_training(rng: random.Random, folder: Path) -> Case:
    """A protocol of extremes, of which a few steps are done."""
    write_data(folder, "jsonl")
    value = experiment(folder, seeds=1)
    keys = rng.sample(sorted(_TRAINING), rng.randint(1, 3))
    overrides = {key: rng.choice(_TRAINING[key]) for key in keys}

    def run() -> tuple[int, str]:
        from intertrain_jax.base import IntertrainError
        from intertrain_jax.workflows.grid import grid
        from intertrain_jax.workflows.runner import Devices

        class Short(Devices):
            """Ends after a few turns, as if it had been interrupted."""

            def run_grid(self, work: Any, emit: Any, watch: Any) -> Any:
                turns = 0

                def stop(progress: Any) -> None:
                    nonlocal turns
                    turns += 1
                    if turns > 4:
                        raise KeyboardInterrupt
                    watch(progress)

                return super().run_grid(work, emit, stop)

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                grid(load_config(value, overrides), runner=Short())
        except KeyboardInterrupt:
            return 0, ""
        except IntertrainError as error:
            return error.exit_code, f"error: {error}\n"
        return 0, ""

    return Case(run, folder / "out")


def of_resumed(rng: random.Random, folder: Path) -> Case:
    """The files of a grid that goes on."""
    write_data(folder, "jsonl")
    write_data(folder / "more", "jsonl").parent.rename(folder / "data" / "other")
    value = experiment(folder, sources=["mine", "other"])
    value["tasks"] = [*value["tasks"], {**value["tasks"][0], "name": "other"}]
    made_up_grid(value)()
    out = folder / "out"
    damage_some(rng, out, ("experiment.yaml", "resolution.json", ".lock"))
    value["targets"] = rng.choice((["mine"], ["mine", "other"]))
    return Case(made_up_grid(value), out)


KINDS: dict[str, Callable[[random.Random, Path], Case]] = {
    **INPUTS,
    "records": of_records,
    "ranking": of_ranking,
    "resumed": of_resumed,
    "training": of_training,
}
# Kinds that take long → in which of the others' rounds they have a turn.
SELDOM = {"resumed": 2, "training": 6}
