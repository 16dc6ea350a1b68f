"""A grid from configuration to matrix, with an engine that makes up its scores."""

from __future__ import annotations

import errno
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from intertrain_jax.base import IntertrainError, content_hash
from intertrain_jax.cli.show import grid_summary, show_grid
from intertrain_jax.config.experiment import ExperimentConfig
from intertrain_jax.config.refs import ModelRef
from intertrain_jax.data.text import tokenizer_fingerprint
from intertrain_jax.engine.recording import GridProgress
from intertrain_jax.records.results_dir import ResultsDir
from intertrain_jax.report.terminal import make_console
from intertrain_jax.workflows import grid as grid_module
from intertrain_jax.workflows.grid import do_runs, grid, prepare
from intertrain_jax.workflows.results import GridResult
from intertrain_jax.workflows.watch import Silent
from tests.experiments import FakeEngine, raw_config, write_experiment, write_tokenizer

RUNS = 2 * 2 + 2 * 2 * 2


@pytest.fixture
def config(tmp_path: Path) -> ExperimentConfig:
    return write_experiment(tmp_path)


def shown(config: ExperimentConfig, runner: FakeEngine) -> GridResult:
    """Does a grid as the command does, and prints what it prints."""
    result = grid(config, runner=runner, progress=True)
    console = make_console()
    show_grid(console, result)
    console.print(grid_summary(result), soft_wrap=True, markup=False)
    return result


def gains(config: ExperimentConfig) -> bytes:
    return (config.out_dir / "analysis" / "gains.csv").read_bytes()


def test_a_grid_leaves_records_analysis_and_a_matrix(
    config: ExperimentConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shown(config, FakeEngine()).counts == (RUNS, 0)
    out = config.out_dir
    assert len(ResultsDir(out).runs.read_all().by_key) == RUNS
    assert {path.name for path in out.iterdir()} == {
        "experiment.yaml",
        "resolution.json",
        "records",
        "analysis",
        ".lock",
    }
    matrix = pd.read_csv(out / "analysis" / "gains.csv", index_col="base")
    assert matrix.shape == (2, 2)
    assert matrix.notna().all().all()
    printed = capsys.readouterr()
    assert "alpha" in printed.out
    assert f"{RUNS} of {RUNS} runs done" in printed.out
    assert str(out) in printed.out.replace("\n", "")
    assert f"0 done before, {RUNS} to do on made up" in printed.err
    assert "analysis/figures/gain_matrix.png; tables are in" in printed.out
    assert "best base model" in printed.out
    assert "not compared" in printed.out
    for name in ("summary.json", "tables/table4_models.md", "figures/gain_matrix.png"):
        assert (out / "analysis" / name).is_file()
    assert "400 examples trained on" in printed.out
    assert "lanes busy 75.0%, padding 10.0%, 2 compiled training programs" in printed.out


def test_some_runs_of_a_grid_are_done_and_the_others_left(config: ExperimentConfig) -> None:
    """Block shapes are those of the whole grid: the engine is given all of it."""
    engine = FakeEngine()
    prepared = prepare(config, engine, Silent())
    wanted = [run for run in prepared.plan.runs if run.depends_on is None][:2]
    ids = {run.id for run in wanted}
    for _ in range(2):
        with ResultsDir(config.out_dir).exclusive() as held:
            do_runs(prepared, held, Silent(), engine, wanted=ids)
    assert sorted(engine.calls) == sorted(run.name for run in wanted)
    assert engine.work is not None and len(engine.work.plan.runs) == RUNS
    assert set(ResultsDir(config.out_dir).runs.read_all().by_key) == ids
    assert grid(config, runner=engine).counts == (RUNS, 0)
    assert len(engine.calls) == RUNS, "none is done twice"


@pytest.mark.parametrize(
    ("changes", "failures"),
    [
        ({"seeds": 1}, {}),
        ({"targets": ["alpha"]}, {}),
        ({"sources": ["alpha"]}, {}),
        ({"sources": ["alpha"], "targets": ["alpha"], "seeds": 1}, {}),
        ({"sources": []}, {}),
        ({"sources": [], "seeds": 1}, {}),
        ({"sources": [], "targets": ["beta"], "seeds": 1}, {}),
        ({"sources": [], "targets": ["beta"]}, {"PT:beta:0": "diverged"}),
        ({"sources": [], "targets": ["beta"], "seeds": 1}, {"PT:beta:0": "diverged"}),
        ({}, {"PT:alpha:0": "diverged", "PT:beta:0": "diverged", "PT:alpha:1": "diverged"}),
        ({}, {f"PT:{task}:{seed}": "diverged" for task in ("alpha", "beta") for seed in (0, 1)}),
    ],
    ids=[
        "one seed",
        "one target",
        "one source",
        "one cell",
        "baselines only",
        "baselines only, one seed",
        "one baseline",
        "one baseline, a seed failed",
        "one baseline, failed",
        "failed runs",
        "every run failed",
    ],
)
def test_a_grid_that_allows_few_statistics_ends_well(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    changes: dict[str, object],
    failures: dict[str, str],
) -> None:
    config = write_experiment(tmp_path, **changes)
    assert (shown(config, FakeEngine(failures=failures)).counts[1] > 0) == bool(failures)
    printed = capsys.readouterr().out
    for word in ("best base model", "significant", "ranking", "structure", "not compared"):
        assert word in printed
    found = json.loads((config.out_dir / "analysis" / "summary.json").read_text("utf-8"))
    assert found["not_computed"]


def test_records_say_what_the_run_was(config: ExperimentConfig) -> None:
    grid(config, runner=FakeEngine())
    for record in ResultsDir(config.out_dir).runs.read_all().by_key.values():
        assert record.protocol.precision == "float32"
        tokenizer = tokenizer_fingerprint(Path(config.model.pretrained))
        assert record.base.fingerprint == content_hash(["weights of model", tokenizer])
        assert record.data.source["kind"] == "data_dir"
        assert record.environment == {"device": "made up"}


@pytest.mark.parametrize("same", ["true", "false"])
def test_it_is_said_once_where_runs_may_differ_in_their_bits(
    config: ExperimentConfig, capsys: pytest.CaptureFixture[str], same: str
) -> None:
    engine = FakeEngine()
    engine.environment = lambda options=None: {"deterministic": same}  # type: ignore[method-assign]
    shown(config, engine)
    assert capsys.readouterr().err.count("engine.deterministic=true") == (same == "false")
    for record in ResultsDir(config.out_dir).runs.read_all().by_key.values():
        assert record.environment == {"deterministic": same}


def test_the_same_command_again_does_nothing(config: ExperimentConfig) -> None:
    grid(config, runner=FakeEngine())
    before, again = gains(config), FakeEngine()
    assert grid(config, runner=again).counts[1] == 0
    assert again.calls == []
    assert gains(config) == before


@pytest.mark.parametrize("after", [0, 1, 5, RUNS - 1])
def test_an_interrupted_grid_goes_on_where_it_was(tmp_path: Path, after: int) -> None:
    whole = write_experiment(tmp_path / "whole")
    grid(whole, runner=FakeEngine())
    config = write_experiment(tmp_path / "cut")
    first, second = FakeEngine(interrupt_after=after), FakeEngine()
    with pytest.raises(KeyboardInterrupt):
        grid(config, runner=first)
    assert grid(config, runner=second).counts[1] == 0
    assert len(first.calls) == after
    assert sorted(first.calls + second.calls) == sorted(set(first.calls + second.calls))
    assert len(first.calls + second.calls) == RUNS
    assert gains(config) == gains(whole)


def test_failures_are_recorded_shown_and_not_repeated_unasked(
    config: ExperimentConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    failing = FakeEngine(failures={"PT:alpha:1": "diverged"})
    assert shown(config, failing).counts[1] > 0
    counts = pd.read_csv(config.out_dir / "analysis" / "gains_n.csv", index_col="base")
    assert counts.loc["alpha"].tolist() == [1, 1]
    assert counts.loc["beta"].tolist() == [1, 2]
    printed = capsys.readouterr().out
    assert "n=1" in printed
    assert "3 failed" in printed
    again = FakeEngine()
    assert grid(config, runner=again).counts[1] > 0
    assert again.calls == []
    assert grid(config, runner=again, retry_failed=True).counts[1] == 0
    assert sorted(again.calls) == ["PT:alpha:1", "alpha:alpha:1", "alpha:beta:1"]


def test_a_truncated_record_is_reported_and_done_again(
    config: ExperimentConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    grid(config, runner=FakeEngine())
    before = gains(config)
    victim = next(config.out_dir.glob("records/beta/alpha--1*.json"))
    victim.write_text(victim.read_text("utf-8")[:300], "utf-8")
    again = FakeEngine()
    capsys.readouterr()
    assert shown(config, again).counts[1] == 0
    assert again.calls == ["alpha:beta:1"]
    assert f"{victim} is no record" in capsys.readouterr().err.replace("\n", "")
    assert gains(config) == before


def test_a_base_model_is_a_row(tmp_path: Path) -> None:
    other = write_tokenizer(tmp_path / "other")
    config = write_experiment(
        tmp_path, model={"pretrained": str(tmp_path / "model"), "bases": [str(other)]}
    )
    assert grid(config, runner=FakeEngine()).counts[1] == 0
    matrix = pd.read_csv(config.out_dir / "analysis" / "gains.csv", index_col="base")
    assert list(matrix.index) == ["alpha", "beta", str(other)]


def test_a_base_model_with_other_tokens_reads_its_own(tmp_path: Path) -> None:
    words = ("[UNK]", "[PAD]", "[CLS]", "[SEP]", "film", "bad", "good", "dish", "very")
    same, other = write_tokenizer(tmp_path / "same"), write_tokenizer(tmp_path / "other", words)
    model = {"pretrained": str(tmp_path / "model"), "bases": [str(same), str(other)]}
    config = write_experiment(tmp_path, model=model)
    engine = FakeEngine()
    assert grid(config, runner=engine).counts == (RUNS + 2 * 2 * 2, 0)
    work = engine.work
    assert work is not None
    tokens = {work.bases.look(ModelRef(str(tmp_path / n))).tokens for n in ("model", "same")}
    own = work.bases.look(ModelRef(str(other))).tokens
    assert len(tokens) == 1 and own not in tokens
    assert set(work.tasks) == {(t, task) for t in (*tokens, own) for task in ("alpha", "beta")}
    read = {run.base.label: work.key_of(run) for run in work.plan.runs if run.target == "beta"}
    assert read[str(other)] == (own, "beta") and read["PT"] == read[str(same)] == (*tokens, "beta")


def test_base_models_that_cannot_be_used_are_records_and_not_the_end(tmp_path: Path) -> None:
    good = write_tokenizer(tmp_path / "good")
    bases = [str(tmp_path / name) for name in ("broken", "good", "bare")]
    model = {"pretrained": str(tmp_path / "model"), "bases": bases}
    config = write_experiment(tmp_path, model=model)
    with pytest.warns(UserWarning, match="cannot be used, and its runs fail"):
        result = grid(config, runner=FakeEngine())
    assert result.counts == (RUNS + 4, 8)
    reasons = result.failed.groupby("base")["reason"].first()
    assert "is broken" in reasons[bases[0]] and "no tokenizer" in reasons[bases[2]]
    assert result.gains.loc[str(good)].notna().all()
    assert result.gains.loc[[bases[0], bases[2]]].isna().all(axis=None)
    again = FakeEngine()
    with pytest.warns(UserWarning, match="cannot be used"):
        assert grid(config, runner=again).counts == (RUNS + 4, 8)
    assert again.calls == []


def test_a_copy_of_another_row_is_a_failed_row(tmp_path: Path) -> None:
    # The made-up weights are told by the last part of the path.
    bases = [str(write_tokenizer(tmp_path / name)) for name in ("a/one", "b/one", "two")]
    model = {"pretrained": str(tmp_path / "model"), "bases": bases}
    config = write_experiment(tmp_path, model=model)
    with pytest.warns(UserWarning, match="are those of"):
        result = grid(config, runner=FakeEngine())
    assert result.counts == (RUNS + 8, 4)
    reasons = result.failed.groupby("base")["reason"].first()
    assert list(reasons.index) == [bases[1]] and f"those of {bases[0]!r}" in reasons[bases[1]]
    with pytest.warns(UserWarning, match="are those of"):
        assert grid(config, runner=FakeEngine()).counts == (RUNS + 8, 4)


def test_what_a_processor_achieved_is_remembered(
    config: ExperimentConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[tuple[Any, ...]] = []
    monkeypatch.setattr(grid_module, "encoder_parameters", lambda reference: 1_000)
    monkeypatch.setattr(grid_module, "keep_rate", lambda *found: kept.append(found))
    grid(config, runner=FakeEngine())
    assert not kept  # a device of another kind
    monkeypatch.setattr(FakeEngine, "environment", lambda self, options=None: {"device": "1 x cpu"})
    grid(replace(config, out=f"{config.out_dir}-2"), runner=FakeEngine())
    ((parameters, flops, _, _),) = kept
    assert parameters == 1_000 and flops > 0
    grid(replace(config, out=f"{config.out_dir}-2"), runner=FakeEngine())
    assert len(kept) == 1  # nothing was left to do


def test_a_base_model_that_vanishes_keeps_the_runs_that_are_done(tmp_path: Path) -> None:
    other = write_tokenizer(tmp_path / "other")
    model = {"pretrained": str(tmp_path / "model"), "bases": [str(other)]}
    config = write_experiment(tmp_path, model=model)
    grid(config, runner=FakeEngine())
    before, again = gains(config), FakeEngine()
    shutil.rmtree(other)
    with pytest.warns(UserWarning, match="cannot be used"):
        assert grid(config, runner=again).counts == (RUNS + 4, 0)
    assert again.calls == [] and gains(config) == before


def test_changed_data_are_another_experiment(config: ExperimentConfig) -> None:
    grid(config, runner=FakeEngine())
    before = gains(config)
    file = Path(config.data.data_dir or "") / "beta" / "train.jsonl"
    file.write_text(file.read_text("utf-8").replace("bad film", "bad dish", 1), "utf-8")
    with pytest.raises(IntertrainError, match="data of task 'beta' has fingerprint"):
        grid(config, runner=FakeEngine())
    assert gains(config) == before


def test_a_directory_in_use_is_left_alone(config: ExperimentConfig) -> None:
    grid(config, runner=FakeEngine())
    with (
        ResultsDir(config.out_dir).exclusive(),
        pytest.raises(IntertrainError, match="in use by another process"),
    ):
        grid(config, runner=FakeEngine())


def test_a_limit_marks_results_as_a_test(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = raw_config(tmp_path)
    config = write_experiment(tmp_path, data={**raw["data"], "limit": 10})
    shown(config, FakeEngine())
    assert "test only: every split was cut to 10 rows" in capsys.readouterr().out
    flat = pd.read_csv(config.out_dir / "analysis" / "records.csv")
    assert (flat["limit"] == 10).all()


def test_runs_that_leave_no_record_are_an_error(
    config: ExperimentConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = FakeEngine()
    monkeypatch.setattr(engine, "run_grid", lambda *arguments: GridProgress())
    with pytest.raises(IntertrainError, match=f"{RUNS} runs of 'tiny' left no record"):
        grid(config, runner=engine)


@pytest.mark.parametrize("after", [0, 3, 7])
def test_a_full_disk_is_one_line_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    config, written = write_experiment(tmp_path), 0

    def full(descriptor: int) -> None:
        nonlocal written
        written += 1
        if written > after + 2:  # the experiment and its resolution come first
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("intertrain_jax.records.store.os.fsync", full)
        with pytest.raises(IntertrainError, match=r"No space left on device.*same command again"):
            grid(config, runner=FakeEngine())
    assert not list(config.out_dir.rglob("*.tmp"))
    kept = len(ResultsDir(config.out_dir).runs.read_all().by_key)
    assert (kept > 0) == (after > 0) and kept <= after
    again = FakeEngine()
    assert grid(config, runner=again).counts == (RUNS, 0)
    assert len(again.calls) == RUNS - kept


def test_a_full_disk_in_the_words_of_a_library_is_one_line(tmp_path: Path) -> None:
    class Engine(FakeEngine):
        def run_grid(self, *arguments: object) -> GridProgress:
            raise ValueError("RESOURCE_EXHAUSTED: writing: [OS error 28: ENOSPC No space left ...]")

    with pytest.raises(IntertrainError, match="must stay writable, but it failed: No space left"):
        grid(write_experiment(tmp_path), runner=Engine())

    class Broken(FakeEngine):
        def run_grid(self, *arguments: object) -> GridProgress:
            raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        grid(write_experiment(tmp_path), runner=Broken())


def test_a_directory_that_was_removed_ends_in_one_line(tmp_path: Path) -> None:
    config = write_experiment(tmp_path)

    class Remover(FakeEngine):
        def run_grid(self, work: Any, emit: Any, watch: Any) -> GridProgress:
            def remove(progress: GridProgress) -> None:
                shutil.rmtree(config.out_dir, ignore_errors=True)
                watch(progress)

            return super().run_grid(work, emit, remove)

    with pytest.raises(IntertrainError, match=r"was removed or replaced .*same command again"):
        grid(config, runner=Remover())
    assert not config.out_dir.exists()
    assert grid(config, runner=FakeEngine()).counts == (RUNS, 0)
