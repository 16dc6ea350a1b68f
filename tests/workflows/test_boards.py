"""Rankings from several inputs: merged, joined with their probes, and still running."""

from __future__ import annotations

import shlex
import shutil
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner

from intertrain_jax.cli import main
from intertrain_jax.config.ranking import RankConfig
from intertrain_jax.planning.status import Heartbeat, this_process, write_heartbeat
from intertrain_jax.study.model_ranking import Ranking
from intertrain_jax.workflows.boards import boards_of
from intertrain_jax.workflows.grid import grid
from intertrain_jax.workflows.results import GridResult, RankResult
from tests.experiments import FakeEngine, write_experiment


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> GridResult:
    folder = tmp_path_factory.mktemp("grid")
    (folder / "model").mkdir()
    (folder / "model" / "README.md").write_text("---\nlicense: mit\ntags: [nli]\n---\n", "utf-8")
    config = write_experiment(folder, seeds=1)
    shutil.copytree(folder / "model", folder / "tuned")
    model = replace(config.model, bases=(str(folder / "tuned"),))
    return grid(replace(config, model=model), runner=FakeEngine(failures={"alpha:beta:0": "Torn."}))


def ranking(done: GridResult, pretrained: str, *models: str) -> RankResult:
    row = {"status": "done", "reason": None, "seconds": 1.0, "n": 5, "best": 0.5}
    numbers = {"score": 50.0, "gain": 2.0, "gain_low": 1.0, "gain_high": 3.0}
    numbers |= {"rank": 1.0, "rank_low": 1.0, "rank_high": 2.0}
    table = pd.DataFrame([{"model": model, **row, **numbers} for model in models])
    lost = {**dict.fromkeys(table.columns, np.nan), "model": "lost", "status": "failed"}
    table = pd.concat([table, pd.DataFrame([{**lost, "reason": "No file."}])], ignore_index=True)
    config = RankConfig("alpha", models, pretrained)
    return RankResult(config, Ranking(table, (), pretrained, 5), {}, None, done.out.with_name("r"))


def test_probes_of_a_grids_models_are_in_its_ranking(done: GridResult) -> None:
    tuned = done.config.model.bases[0]
    probes = ranking(done, done.config.model.pretrained, tuned, "probed/only")
    (board,), notes = boards_of([probes, done])
    assert notes == [] and board.title == "tiny"
    models = {model.name: model for model in board.models}
    assert models[tuned].probe == 50.0 and "gain +2.00" in models[tuned].facts["probe"]
    assert models["probed/only"].status == "not tested" and models["probed/only"].probe == 50.0
    assert (models["lost"].status, models["lost"].reason) == ("failed", "No file.")
    assert not any("no linear probe" in text for text in board.missing)
    assert any("Probes are of alpha" in text for text in board.methods)


@pytest.mark.parametrize("case", ["another pretrained model", "other models"])
def test_a_ranking_of_other_models_stays_its_own(done: GridResult, case: str) -> None:
    here = case == "other models"
    pretrained = done.config.model.pretrained if here else "org/else"
    models = ["org/x"] if here else [done.config.model.bases[0]]
    boards, _ = boards_of([done, ranking(done, pretrained, *models)])
    assert [board.title for board in boards] == ["tiny", "r"]
    assert any("no linear probe" in text for text in boards[0].missing)


def test_a_card_beside_a_models_weights_is_read(done: GridResult) -> None:
    (board,), _ = boards_of([done])
    facts = {model.name: model.facts for model in board.models}
    assert facts[done.config.model.bases[0]]["licence"] == "mit"
    assert "licence" not in facts["alpha"], "a source model is not the model that it starts from"


def test_copies_of_a_grid_are_one_ranking(done: GridResult, tmp_path: Path) -> None:
    shutil.copytree(done.out, tmp_path / "copy")
    (board,), notes = boards_of([done.out, tmp_path / "copy"])
    assert notes == [] and board.title == "tiny + tiny (2)" and board.conflicts == ()
    (alone,), _ = boards_of([done])
    assert [repr(m.cells) for m in board.models] == [repr(m.cells) for m in alone.models]
    assert board.findings == alone.findings


def test_what_is_running_is_said_only_where_pages_are_renewed(done: GridResult) -> None:
    beat = Heartbeat(this_process(), time.time(), 3, 0, 10, 2, 1234.5, 90.0, ("PT:a:0", "b:a:0"))
    write_heartbeat(done.out, beat)
    (board,), _ = boards_of([done], live=True)
    assert board.progress is not None
    assert (board.progress.failed, board.progress.total) == (1, 8)
    running = "tiny is running 2 now (PT:a:0, b:a:0), at 1,234 examples/s, 1 min 30 s left."
    assert board.progress.said.endswith(running)
    (still,), _ = boards_of([done])
    assert still.progress is not None
    assert still.progress.said == "7 of 8 runs are done, 1 failed."
    (done.out / "heartbeat.json").unlink()
    (ended,), _ = boards_of([done], live=True)
    assert ended.progress is not None and "tiny is not running now" in ended.progress.said


def test_the_commands_that_add_a_model_keep_what_is_measured(
    done: GridResult, tmp_path: Path
) -> None:
    out = tmp_path / "my results"
    shutil.copytree(done.out, out)
    (board,), _ = boards_of([out])
    first, second, _ = board.command.replace("DIR", shlex.quote(str(out))).splitlines()
    assert first.startswith(f"# in {shlex.quote(str(out))}/experiment.yaml") and "bases" in first
    file = out / "experiment.yaml"
    raw = yaml.safe_load(file.read_text("utf-8"))
    shutil.copytree(raw["model"]["bases"][0], tmp_path / "more")
    raw["model"]["bases"].append(str(tmp_path / "more"))
    file.write_text(yaml.safe_dump(raw), "utf-8")
    planned = CliRunner().invoke(main, [*shlex.split(second)[1:], "--dry-run"])
    assert planned.exit_code == 0, planned.output
    runs = sum(done.counts)
    assert (
        f"of these, {done.counts[0]} are done and {runs - done.counts[0]} failed" in planned.output
    )
