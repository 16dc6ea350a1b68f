"""`recommend` from a file to a decision, with an engine that makes up its scores."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.records.results_dir import ResultsDir
from intertrain_jax.workflows import recommend as module
from intertrain_jax.workflows.recommend import Recommendation, recommend
from intertrain_jax.workflows.results import read_finished
from tests.searches import GAINS, Scored, decision, spare_pictures, write_models, write_target


@pytest.fixture(autouse=True)
def exported(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> list[str]:
    """Models are not there to be written: their cards are."""
    if "files" not in request.node.name:
        spare_pictures(monkeypatch)
    made: list[str] = []

    def export(out: Path, run: str, directory: Path, more: str) -> Path:
        made.append(run)
        directory.mkdir()
        (directory / "README.md").write_text(more, "utf-8")
        return directory

    monkeypatch.setattr(module, "export_run", export)
    return made


def choose(folder: Path, runner: Scored | None = None, **options: Any) -> Recommendation:
    if not (folder / "dishes.csv").is_file():
        write_target(folder)
        write_models(folder)
    given = {
        "ranking": folder / "ranking.csv",
        "pretrained": str(folder / "model"),
        "out": folder / "out",
        "overrides": [f"data.cache_dir={folder / 'cache'}"],
        **options,
    }
    return recommend(folder / "dishes.csv", runner=runner or Scored(), **given)


def test_the_best_model_of_a_ranking_is_found_and_told(tmp_path: Path, exported: list[str]) -> None:
    engine = Scored()
    found = choose(tmp_path, engine)
    assert Path(found.model).name == "m2"
    assert found.verdict.gain.low < 6.0 < found.verdict.gain.high
    assert found.verdict.test is not None and found.verdict.test.value == pytest.approx(6, abs=2)
    assert len(engine.calls) == found.verdict.runs <= 10
    assert len(found.explained) == found.verdict.runs
    assert found.explained[0].startswith("1. PT, seed 0: gains are over it. Validation 69.44; then")
    assert len(found.table) == len(GAINS)
    said = "\n".join(found.said)
    assert "6 candidates: the scores of" in said and "labels are in column 'label'" in said
    assert "1,620 train, 180 validation" in said
    assert "cannot be known with this test set" in said, "200 test examples show 4.4 points"
    assert "cannot be known" in repr(found)
    # The model that is given is that of the best seed, with the story in its card.
    best = max(
        (r for r in ResultsDir(found.out).runs.read_all().by_key.values() if r.result is not None),
        key=lambda r: (r.base.label == found.model, r.result.validation if r.result else 0.0),
    )
    assert exported == [best.id]
    assert found.directory == tmp_path / "out" / "model"
    card = (found.directory / "README.md").read_text("utf-8")
    assert "How it was chosen" in card and "intertrain-jax predict" in card
    assert not (tmp_path / "out" / "model.part").exists()


def test_its_files_are_those_of_an_ordinary_grid(tmp_path: Path) -> None:
    """`status`, `analyze` and `report` take the results directory as any other."""
    found = choose(tmp_path)
    grid = read_finished(found.out)
    assert grid.gains.loc[found.model].notna().all()
    assert grid.counts == (found.verdict.runs, 0)
    assert (found.out / "analysis" / "summary.json").is_file()
    for name in ("decision.md", "decision-posterior.png", "decision-runs.svg"):
        assert (found.out / name).stat().st_size > 500


def test_the_same_call_again_computes_nothing_and_says_the_same(
    tmp_path: Path, exported: list[str]
) -> None:
    choose(tmp_path)
    before = decision(tmp_path / "out")
    engine = Scored()
    again = choose(tmp_path, engine)
    assert (engine.calls, len(exported)) == ([], 1)
    card = (again.directory / "README.md").read_text("utf-8")
    assert card.count("How it was chosen") == 1 and again.verdict.lines[-1] in card
    assert decision(tmp_path / "out") == before
    assert (again.directory / "README.md").is_file()


def test_a_search_killed_after_every_run_decides_as_one_that_was_not(tmp_path: Path) -> None:
    """Each process lives for one record more; runs end in the engine's order, not the decisions'."""
    (tmp_path / "whole").mkdir()
    choose(tmp_path / "whole")
    expected = decision(tmp_path / "whole" / "out")
    folder = tmp_path / "killed"
    folder.mkdir()
    total, kills = 0, 0
    while True:
        engine = Scored(killed_after=1)
        try:
            choose(folder, engine)
            break
        except SystemExit:
            kills += 1
        total += len(engine.calls)
    total += len(engine.calls)
    assert kills >= expected["runs"] - 1 and total == expected["runs"], "no run is done twice"
    text = json.dumps(decision(folder / "out")).replace(str(folder), str(tmp_path / "whole"))
    assert json.loads(text) == expected


_KILLED = """
import os, signal, sys
from pathlib import Path
from tests.searches import Scored
from tests.workflows.test_recommend import choose

def emit_and_die(emit, left):
    def emitted(*what):
        emit(*what)
        left.pop()
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
    return emitted

class Mortal(Scored):
    def run_grid(self, work, emit, watch):
        return super().run_grid(work, emit_and_die(emit, left), watch)

left = list(range(int(sys.argv[2])))
choose(Path(sys.argv[1]), Mortal())
"""


def test_processes_that_are_killed_leave_what_the_next_one_goes_on_from(
    tmp_path: Path, repository: Path
) -> None:
    """SIGKILL, which nothing can be done about: as a record was written, in one batch and the next."""
    (tmp_path / "whole").mkdir()
    choose(tmp_path / "whole")
    folder = tmp_path / "killed"
    folder.mkdir()
    write_target(folder)
    write_models(folder)
    for records in (2, 4):
        words = [sys.executable, "-c", _KILLED, str(folder), str(records)]
        assert subprocess.run(words, cwd=repository, check=False).returncode == -signal.SIGKILL
    assert len(list((folder / "out" / "records").rglob("*.json"))) == 6
    choose(folder)
    text = json.dumps(decision(folder / "out")).replace(str(folder), str(tmp_path / "whole"))
    assert json.loads(text) == decision(tmp_path / "whole" / "out")


def test_a_frame_is_as_good_as_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTERTRAIN_CACHE", str(tmp_path / "cache"))
    ranking = write_models(tmp_path)
    frame = pd.read_csv(write_target(tmp_path), sep=";", encoding="utf-8-sig")
    options = {"ranking": ranking, "pretrained": str(tmp_path / "model"), "out": tmp_path / "out"}
    first = recommend(frame, runner=Scored(), **options)  # type: ignore[arg-type]
    engine = Scored()
    again = recommend(frame, runner=engine, **options)  # type: ignore[arg-type]
    assert (again.model, engine.calls) == (first.model, [])
    assert Path(first.model).name == "m2"


def test_models_that_fail_or_are_copies_are_told_and_left_out(tmp_path: Path) -> None:
    write_target(tmp_path)
    ranking = write_models(tmp_path, {"m1": 1.0, "m2": 6.0, "broken": 9.0, "m3": 9.0})
    # The engine of these tests knows weights by the name of their folder.
    shutil.copytree(tmp_path / "m2", tmp_path / "copies" / "m2")
    with pytest.warns(UserWarning, match="cannot be used"):
        found = choose(
            tmp_path,
            Scored(failures={"m3": "It diverged."}),
            ranking=ranking,
            models=[str(tmp_path / "copies" / "m2")],
        )
    assert found.model == str(tmp_path / "m2")
    problems = found.table.set_index("model")["problem"].dropna()
    assert sorted(Path(m).name for m in problems.index) == ["broken", "m2", "m3"]
    assert problems[str(tmp_path / "m3")] == "It diverged."
    assert "weights and its tokenizer are those of" in problems[str(tmp_path / "copies" / "m2")]
    assert found.table.loc[found.table["problem"].notna(), "gain"].isna().all()


def test_a_model_that_saw_the_target_is_marked(tmp_path: Path) -> None:
    write_target(tmp_path)
    write_models(tmp_path)
    (tmp_path / "m2" / "README.md").write_text("---\ndatasets: [me/Dishes]\n---\n", "utf-8")
    origin = {"source": "my-dishes", "grid": "g", "seed": 0, "run": "f00"}
    (tmp_path / "m1" / "intertrain_jax.json").write_text(json.dumps(origin), "utf-8")
    found = choose(tmp_path)
    assert found.verdict.seen == ("me/Dishes",)
    assert "It has trained on me/Dishes" in repr(found)
    seen = found.table.set_index("model")["seen"].dropna()
    assert {Path(str(m)).name: s for m, s in seen.items()} == {"m1": "my-dishes", "m2": "me/Dishes"}
    assert "m1 (has trained on my-dishes)" in (found.out / "decision.md").read_text("utf-8")


def test_the_pretrained_model_is_given_where_none_is_better(
    tmp_path: Path, exported: list[str]
) -> None:
    found = choose(tmp_path, Scored(gains=dict.fromkeys(GAINS, -6.0)))
    assert found.model == "PT" and found.verdict.test is None
    assert len(exported) == 1 and found.directory.is_dir()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"budget": 1}, "--budget must be from 2"),
        ({"worthwhile": 0.0}, "--worthwhile must be from 0.001"),
        ({"price": float("nan")}, "--price must be"),
        ({"max_hours": 0.0}, "--max-hours must be"),
        ({"final_seed": 9}, "--final-seed must be from 0 to 3"),
        ({"ranking": "robert"}, "Did you mean 'roberta'"),
        ({"overrides": ["protocol.epoch=3"]}, "epochs"),
    ],
)
def test_what_does_not_fit_is_said_before_anything_is_written(
    tmp_path: Path, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(IntertrainError, match=said):
        choose(tmp_path, **options)
    assert not (tmp_path / "out").exists()
