"""A ranking with made-up scores: what is done again, what records keep, and what is refused at once."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from intertrain_jax.base import IntertrainError, StopReason
from intertrain_jax.cli.show import show_ranking
from intertrain_jax.config.origins import ORIGIN_FILE, Origin
from intertrain_jax.config.protocol import Protocol
from intertrain_jax.config.ranking import RankConfig
from intertrain_jax.config.refs import ModelRef
from intertrain_jax.data.load import TaskData, load_task
from intertrain_jax.data.tasks import get_task
from intertrain_jax.probe.heads import HeadRun
from intertrain_jax.probe.ranker import Outcome, result_of
from intertrain_jax.records.probes import ProbeRecord, unpack_answers
from intertrain_jax.records.results_dir import ResultsDir
from intertrain_jax.report.terminal import make_console
from intertrain_jax.train.stopping import Progress
from intertrain_jax.workflows import rank as rank_module
from intertrain_jax.workflows.analyze import analyze
from intertrain_jax.workflows.rank import Probe, config_of, rank, record_of
from tests.engine.tiny_grid import tiny_task
from tests.rankings import TASK, fake, write_ranking


@pytest.fixture
def config(tmp_path: Path) -> RankConfig:
    """Four models that need no files."""
    return write_ranking(tmp_path)


def test_a_model_of_few_positions_is_ranked_by_default(
    config: RankConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    config = replace(config, models=("quickstart",), pretrained=None, protocol=Protocol())
    engine, made = fake(config)
    rank(config, runner=engine, progress=True)
    said = "inputs are cut at 64 tokens, the positions of quickstart"
    assert said in capsys.readouterr().err and made[0].protocol.max_length == 64
    # What is asked for is not changed: the engine says what does not fit.
    engine, made = fake(config)
    asked = replace(config, protocol=Protocol(max_length=80), out=f"{config.out}-asked")
    rank(asked, runner=engine, progress=True)
    assert made[0].protocol.max_length == 80


def test_a_branch_that_moves_does_not_change_a_ranking_that_goes_on(config: RankConfig) -> None:
    config = replace(config, models=("org/a", "org/a@refs/pr/1"))
    engine, made = fake(config)
    rank(config, runner=engine)
    assert made[0].at == [None, None, "refs/pr/1"]
    known = ResultsDir(config.out_dir).resolution().revisions
    assert known["org/a@refs/pr/1"] == "commit of org/a@refs/pr/1"
    engine, again = fake(config)
    rank(replace(config, learning_rates=(1e-2,)), runner=engine)
    assert again[0].calls == made[0].calls == ["org/pt", "org/a", "org/a@refs/pr/1"]
    assert again[0].at == [f"commit of {label}" for label in again[0].calls]


def test_an_interrupted_ranking_is_finished_by_the_same_call(config: RankConfig) -> None:
    engine, made = fake(config, interrupt_after=2)
    with pytest.raises(KeyboardInterrupt):
        rank(config, runner=engine)
    engine, more = fake(config)
    assert not len(rank(config, runner=engine).failed)
    assert [*made[0].calls, *more[0].calls] == ["org/pt", "org/a", "org/b", "org/c"]
    engine, none = fake(config)
    assert not len(rank(config, runner=engine).failed)
    assert not none, "what is done is not even prepared"


def test_progress_counts_forward_passes(
    config: RankConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    engine, _ = fake(config)
    rank(config, runner=engine, progress=True)
    assert "models 1/4, 1 ranked, 0 examples/s, 3 s left" in capsys.readouterr().err


def test_failed_models_are_tried_again_when_asked_to(config: RankConfig) -> None:
    engine, _ = fake(config, failures={"org/b": "It is gated."})
    assert len(rank(config, runner=engine).failed)
    engine, made = fake(config)
    assert len(rank(config, runner=engine).failed) and not made
    engine, made = fake(config)
    assert not len(rank(config, runner=engine, retry_failed=True).failed)
    assert made[0].calls == ["org/b"]


def test_what_was_measured_is_not_lost_to_a_later_failure(config: RankConfig) -> None:
    engine, _ = fake(config)
    before = rank(config, runner=engine).table.set_index("model")["score"]
    engine, made = fake(config, failures={"org/b": "It is gated."})
    with pytest.warns(UserWarning, match=r"org/b cannot be probed now, .* It is gated"):
        again = rank(replace(config, learning_rates=(1e-2,)), runner=engine)
    assert "org/b" in made[0].calls and not len(again.failed)
    assert again.table.set_index("model")["score"]["org/b"] == before["org/b"]


def test_models_that_are_gone_keep_what_was_measured_of_them(
    config: RankConfig, tmp_path: Path
) -> None:
    names = ["models/one/final", "models/two/final"]
    for name in names:
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "config.json").write_text(f'"{name}"')
    models = tuple(str(tmp_path / name) for name in names)
    config = replace(config, models=models)
    engine, _ = fake(config)
    before = rank(config, runner=engine).table
    shutil.rmtree(tmp_path / names[0])
    engine, made = fake(config, failures={models[0]: "There is no such model."})
    pd.testing.assert_frame_equal(rank(config, runner=engine).table, before)
    assert not made
    # Another model in the same place is another model.
    (tmp_path / names[1] / "config.json").write_text('"changed"')
    engine, made = fake(config)
    rank(config, runner=engine)
    assert made[0].calls == [models[1]]


def test_without_its_pretrained_model_a_ranking_does_not_begin(config: RankConfig) -> None:
    engine, _ = fake(config, failures={"org/pt": "It is gated."})
    with pytest.raises(IntertrainError, match="gated"):
        rank(config, runner=engine)
    assert not config.out_dir.exists()


def test_further_models_seeds_and_estimators_join_the_same_directory(config: RankConfig) -> None:
    engine, _ = fake(config)
    rank(config, runner=engine)
    engine, made = fake(config)
    rank(replace(config, models=("org/d", "org/a")), runner=engine)
    assert made[0].calls == ["org/d"]
    assert len(ResultsDir(config.out_dir).probes.read_all().by_key) == 5
    engine, made = fake(config)
    rank(replace(config, estimators=("lp", "logme")), runner=engine)
    assert made[0].calls == ["org/pt", "org/a", "org/b", "org/c"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"protocol": Protocol(max_length=12, epochs=3)},
            "'protocol.epochs' is 10.0, here it is 3.0",
        ),
        ({"data": {"limit": 5}}, "'data.limit' is None, here it is 5"),
        ({"task": "beta"}, "'task' is 'alpha', here it is 'beta'"),
    ],
)
def test_another_ranking_does_not_write_to_the_same_directory(
    config: RankConfig, change: dict[str, Any], message: str
) -> None:
    engine, _ = fake(config)
    rank(config, runner=engine)
    if "data" in change:
        change = {"data": replace(config.data, **change["data"])}
    if "task" in change:
        change = {"task": "beta", "tasks": ({**TASK, "name": "beta"},)}
    with pytest.raises(IntertrainError, match=message):
        rank(replace(config, **change), runner=engine)


def test_a_directory_of_something_else_is_left_alone(config: RankConfig) -> None:
    config.out_dir.mkdir()
    (config.out_dir / "thesis.tex").write_text("precious")
    engine, _ = fake(config)
    with pytest.raises(IntertrainError, match="must be empty or hold an experiment or a ranking"):
        rank(config, runner=engine)
    assert [path.name for path in config.out_dir.iterdir()] == ["thesis.tex"]


def test_gains_of_a_grid_in_the_directory_are_set_beside_the_scores(
    config: RankConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    (config.out_dir / "analysis").mkdir(parents=True)
    (config.out_dir / "experiment.yaml").write_text("name: grid\n")
    gains = "base,x,y\norg/a,1,2\norg/b,2,3\norg/c,0,1\n"
    (config.out_dir / "analysis" / "gains.csv").write_text(gains)
    engine, _ = fake(config)
    result = rank(config, runner=engine)
    assert not len(result.failed)
    show_ranking(make_console(), result)
    assert "average finetuning gain of 3 models on 2 targets" in capsys.readouterr().out
    found = pd.read_csv(config.out_dir / "gain_correlations.csv")
    assert list(found["kind"]) == ["pearson", "spearman", "weighted_tau"]


def test_gains_keyed_by_sources_are_those_of_their_directories(
    config: RankConfig, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folders = {task: tmp_path / "sources" / task for task in ("alpha", "beta", "gamma")}
    for task, folder in folders.items():
        folder.mkdir(parents=True)
        (folder / ORIGIN_FILE).write_text(Origin(task, "mine", 0, "0123456789ab").to_json())
    config = replace(config, models=tuple(map(str, folders.values())))
    engine, _ = fake(config)
    gains = pd.DataFrame({"x": [1.0, 2.0, 0.0]}, index=list(folders))
    named = rank(config, runner=engine, gains=gains, progress=True).correlations
    assert f"call by another name: alpha is {folders['alpha']}" in capsys.readouterr().err
    assert named is not None and set(named["n"]) == {3}
    by_path = rank(config, runner=engine, gains=gains.set_axis(map(str, folders.values())))
    pd.testing.assert_frame_equal(by_path.correlations, named)
    # The other way round: probes of directories beside gains of sources.
    study = analyze(gains.assign(y=[0.5, 0.1, 0.3]), probe=by_path)
    assert study.result.study.probe.index.tolist() == list(folders)
    assert any("the probes call by another name" in note for note in study.result.study.notes)


@pytest.mark.parametrize("content", ["", "base,x\na,much\n", "base\na\n", "base,x\na,1\na,2\n"])
def test_a_table_that_holds_no_gains_is_an_error(config: RankConfig, content: str) -> None:
    path = config.out_dir.with_name("gains.csv")
    path.write_text(content)
    engine, _ = fake(config)
    with pytest.raises(IntertrainError, match=r"gains .* must"):
        rank(config, runner=engine, gains=path)
    assert not config.out_dir.exists()


def test_other_seeds_or_rates_are_probed_again(config: RankConfig) -> None:
    rank(config, runner=fake(config)[0])
    for change in ({"seeds": 1}, {"seeds": 3}, {"learning_rates": (1e-2,)}):
        engine, made = fake(config)
        rank(replace(config, **change), runner=engine)
        assert made[0].calls == ["org/pt", "org/a", "org/b", "org/c"]


def test_files_are_renewed_while_models_are_probed(
    config: RankConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rank_module, "_RENEW_SECONDS", -1.0)
    engine, _ = fake(config, interrupt_after=2)
    with pytest.raises(KeyboardInterrupt):
        rank(config, runner=engine)
    table = pd.read_csv(config.out_dir / "ranking.csv").set_index("model")
    assert sorted(table.index[table["status"] == "done"]) == ["org/a", "org/pt"]


def test_a_torn_record_is_said_and_its_model_probed_again(config: RankConfig) -> None:
    rank(config, runner=fake(config)[0])
    torn = next(config.out_dir.glob("probes/alpha/*b--*.json"))
    torn.write_text(torn.read_text("utf-8")[:200], "utf-8")
    engine, made = fake(config)
    with pytest.warns(UserWarning, match="is no record and does not count"):
        result = rank(config, runner=engine)
    assert made[0].calls == ["org/b"] and not len(result.failed)


def test_a_directory_in_use_is_left_alone(config: RankConfig) -> None:
    rank(config, runner=fake(config)[0])
    engine, _ = fake(config)
    with (
        ResultsDir(config.out_dir).exclusive(),
        pytest.raises(IntertrainError, match="in use by another process"),
    ):
        rank(config, runner=engine)


def test_an_estimator_that_is_none_is_said_before_data_are_read(config: RankConfig) -> None:
    gone = replace(config.data, data_dir="/nowhere")
    wrong = replace(config, estimators=("lp", "logmee"), data=gone)
    with pytest.raises(IntertrainError, match="Did you mean 'logme'"):
        rank(wrong, runner=fake(config)[0])


def test_gains_may_be_a_table_and_the_best_a_list(config: RankConfig) -> None:
    gains = pd.DataFrame({"x": [1.0, 2.0, 0.0]}, index=["org/a", "org/b", "org/c"])
    result = rank(config, runner=fake(config)[0], gains=gains, top=1)
    assert result.correlations is not None
    best = result.table["model"][result.table["model"] != "org/pt"].iloc[0]
    assert (config.out_dir / "top-1.txt").read_text("utf-8").splitlines()[-1] == best


def test_models_are_references_or_a_list_or_in_the_file(tmp_path: Path) -> None:
    listed = tmp_path / "list.txt"
    listed.write_text("pretrained: org/pt\norg/a\norg/b@v1\n", "utf-8")
    from_list = config_of(str(listed))
    assert (from_list.models, from_list.pretrained) == (("org/a", "org/b@v1"), "org/pt")
    assert config_of(listed, pretrained="org/other").pretrained == "org/other"
    assert config_of(["org/c"]).models == ("org/c",)
    file = tmp_path / "rank.yaml"
    file.write_text("task: rte\nmodels: [org/d]\nseeds: 3\n", "utf-8")
    in_file = config_of([], config=str(file))
    assert (in_file.task, in_file.models, in_file.seeds) == ("rte", ("org/d",), 3)
    given = config_of(["org/e"], ["seeds=4"], config=str(file), seeds=2, task="cb")
    assert (given.task, given.models, given.seeds) == ("cb", ("org/e",), 4)
    with pytest.raises(IntertrainError, match="must name at least one model"):
        config_of([])


def head_run(validation: float | None, outputs: Any, test: float = 0.5) -> HeadRun:
    """Returns a head that has ended; without outputs it diverged."""
    reason = StopReason.DIVERGED if outputs is None else StopReason.SCHEDULE
    run = HeadRun(Progress(validation, validation, 0, reason), [{"step": 1}], 3, 24)
    run.outputs_NxC, run.test = outputs, test
    return run


def made_record(
    config: RankConfig, heads: list[list[HeadRun]], regression: bool = False, **changes: Any
) -> tuple[ProbeRecord, Any]:
    """Returns the record of heads [S][Z] on a tiny task, and the task."""
    task = tiny_task("task", 3, regression=regression)
    packed = SimpleNamespace(encoded=task, sizes={"train": 40}, num_tokens=7)
    checkpoint = SimpleNamespace(fingerprint="weights")
    loaded: Any = SimpleNamespace(
        task=packed, tokenizer="words", revision="abc", checkpoint=checkpoint
    )
    known = {"loaded": loaded, "architecture": "shape", "heads": tuple(map(tuple, heads))}
    outcome = Outcome(ModelRef("org/a", "main"), **{"reason": None, **known, **changes})
    data: TaskData = load_task(get_task("alpha", [TASK]), config.data)
    probe = Probe(config, config.protocol, data, {"device": "made up"}, result_of)
    return record_of(outcome, "id", probe), task


def test_a_record_keeps_answers_and_curves_of_the_chosen_rate(config: RankConfig) -> None:
    config = replace(config, learning_rates=(1e-3, 1e-2))
    rng = np.random.default_rng(0)
    outputs = rng.standard_normal((2, 2, 20, 3)).astype(np.float32)
    heads = [[head_run(0.4 + z / 10, outputs[s, z]) for z in range(2)] for s in range(2)]
    record, task = made_record(config, heads, seconds={"load": 1.23456}, notes=("n",))
    assert (record.status, record.learning_rate) == ("done", 1e-2)
    assert [(h.seed, h.learning_rate) for h in record.heads] == [
        *((0, 1e-3), (0, 1e-2), (1, 1e-3), (1, 1e-2))
    ]
    curves = [len(head.result.history) for head in record.heads if head.result]
    assert curves == [0, 1, 0, 1]
    assert record.answers is not None
    right = unpack_answers(record.answers, 2, 20, outputs=False)
    np.testing.assert_array_equal(right, outputs[:, 1].argmax(axis=-1) == task.test.labels)
    assert record.model.revision == "abc" and record.model.fingerprint == "weights"
    assert record.data.source["limit"] is None and record.data.source["kind"] == "data_dir"
    assert (record.seconds, record.notes, record.tokens) == ({"load": 1.235}, ("n",), 7)
    assert record.environment == {"device": "made up"} and record.labels is None
    largest = np.bincount(np.asarray(task.test.labels)).max() / 20 * 100
    assert record.one_class == () and record.largest_class == pytest.approx(largest)


def test_a_head_that_diverged_has_a_reason_and_no_answers(config: RankConfig) -> None:
    outputs = np.eye(3, dtype=np.float32)[np.zeros(20, int)]
    record, task = made_record(config, [[head_run(None, None)], [head_run(0.5, outputs)]])
    assert record.status == "done" and record.answers is not None
    assert [head.result is None for head in record.heads] == [True, False]
    assert record.heads[0].reason == "Its loss diverged, or its score is undefined."
    right = unpack_answers(record.answers, 1, 20, outputs=False)
    np.testing.assert_array_equal(right[0], np.asarray(task.test.labels) == 0)
    # It gives one class to all: what it has is no score.
    assert record.one_class == (1,)


def test_a_model_without_any_score_failed(config: RankConfig) -> None:
    # A correlation of equal predictions is undefined.
    outputs = np.zeros((20, 1), np.float32)
    heads = [[head_run(None, None)], [head_run(0.5, outputs, test=float("nan"))]]
    record, _ = made_record(config, heads)
    assert record.status == "failed" and record.reason is not None
    assert "None of its heads has a score" in record.reason
    assert record.heads == () and record.architecture == "shape"


def test_a_regression_keeps_outputs_and_labels(config: RankConfig) -> None:
    outputs = np.random.default_rng(1).standard_normal((20, 1)).astype(np.float32)
    record, task = made_record(config, [[head_run(0.5, outputs)]], regression=True)
    assert record.answers is not None and record.labels is not None
    kept = unpack_answers(record.answers, 1, 20, outputs=True)
    np.testing.assert_array_equal(kept[0], outputs[:, 0])
    assert record.one_class == () and record.largest_class is None
    labels = unpack_answers(record.labels, 1, 20, outputs=True)
    np.testing.assert_array_equal(labels[0], task.test.labels)


def test_a_model_that_was_not_loaded_is_known_by_its_name_alone(config: RankConfig) -> None:
    record, _ = made_record(config, [], loaded=None, reason="It is gated.", architecture=None)
    assert (record.status, record.reason) == ("failed", "It is gated.")
    assert (record.model.label, record.model.revision) == ("org/a@main", "main")
    assert record.model.fingerprint is None and record.tokenizer is None
