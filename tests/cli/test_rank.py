"""A ranking from its command to its table, on real tiny models; and its rules with made-up scores."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from safetensors.numpy import load_file, save_file

from intertrain_jax.base import IntertrainError, StopReason
from intertrain_jax.cli import main
from intertrain_jax.cli.show import show_ranking
from intertrain_jax.config.experiment import DataConfig
from intertrain_jax.config.protocol import Protocol
from intertrain_jax.config.ranking import RankConfig
from intertrain_jax.config.refs import ModelRef
from intertrain_jax.data.load import encode_task
from intertrain_jax.probe.heads import HeadRun
from intertrain_jax.probe.ranker import Outcome, RankProgress, result_of
from intertrain_jax.records.results_dir import ResultsDir
from intertrain_jax.report.terminal import make_console
from intertrain_jax.train.stopping import Progress
from intertrain_jax.workflows.rank import rank
from tests.experiments import write_task, write_tokenizer
from tests.models.tiny_models import ModelFactory

TASK = {"name": "alpha", "texts": ["{text}"], "labels": ["bad", "good"]}
SCRIPT = "<script>alert(1)</script>".replace("/", "_")


@dataclass(frozen=True)
class Folder:
    """A data directory and models, some of them broken.

    Attributes:
        root: of everything.
        good: models that can be ranked, PT first.
        broken: model → what its reason must say.
    """

    root: Path
    good: tuple[str, ...]
    broken: dict[str, str]

    def rank(self, *arguments: str, out: str = "out") -> Result:
        """Runs the command on all models."""
        models = [w for m in (*self.good[1:], *self.broken) for w in ("--model", m)]
        given = ["--task", "alpha", "--data-dir", str(self.root / "data"), "--seeds", "2"]
        given += ["--set", f"tasks={json.dumps([TASK])}", "--out", str(self.root / out)]
        given += ["--set", "protocol.max_length=12", "--set", "protocol.batch_size=8"]
        given += ["--set", "protocol.epochs=4", "--set", "learning_rates=[1e-3, 1e-1]"]
        given += ["--set", "group=2", "--set", f"data.cache_dir={self.root / 'cache'}"]
        pretrained = ["--pretrained", self.good[0]]
        return CliRunner().invoke(main, ["rank", *models, *pretrained, *given, *arguments])

    def table(self, out: str = "out") -> pd.DataFrame:
        """Returns the ranking that was written."""
        return pd.read_csv(self.root / out / "ranking.csv").set_index("model")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """Ranks real tiny models once, for the tests that look at what came of it."""
    root = tmp_path_factory.mktemp("rank")
    write_task(root / "data" / "alpha", rows=60)
    factory = ModelFactory(root)

    def model(name: str, seed: int, **options: Any) -> Path:
        path = factory("bert", 2, **options).rename(root / name)
        tensors = load_file(path / "model.safetensors")
        rng = np.random.default_rng(seed)
        noisy = {
            k: (x + rng.normal(0, 0.3, x.shape)).astype(np.float32) for k, x in tensors.items()
        }
        save_file(noisy, path / "model.safetensors")
        return write_tokenizer(path)

    def spoil(path: Path, change: Callable[[dict[str, Any]], Any]) -> Path:
        tensors = load_file(path / "model.safetensors")
        change(tensors)
        save_file(tensors, path / "model.safetensors")
        return path

    good = [model(name, seed) for seed, name in enumerate(("pt", "m1", SCRIPT, "no-tokenizer"))]
    # Other files, the same tokens; and a tokenizer of its own, whose words have other ids.
    (good[1] / "tokenizer_config.json").write_text('{"tokenizer_class": "PreTrainedTokenizerFast"}')
    turned = ("[UNK]", "[PAD]", "[CLS]", "[SEP]", "dish", "film", "very", "good", "bad")
    write_tokenizer(good[2], turned)
    for file in good[3].glob("tokenizer*"):
        file.unlink()
    width = model("wide", 5, hidden_size=9)
    nan = spoil(
        model("nan", 6), lambda t: t.update({k: x * np.nan for k, x in t.items() if "query" in k})
    )
    key = "bert.encoder.layer.0.attention.self.key.bias"
    cut = spoil(model("cut", 7), lambda t: t.pop(key))
    broken = {
        str(root / "nowhere"): "neither an existing directory nor a hub id",
        "../../x": "neither an existing directory nor a hub id",
        "nobody/offline": "could not be had from the Hugging Face hub",
        str(width): "its hidden_size is 9, and theirs 6",
        str(nan): "not all numbers",
        str(cut): "must have the tensor",
    }
    made = Folder(root, tuple(map(str, good)), broken)
    result = made.rank("--estimators", "lp,logme,hscore,knn,leep,nce", "--top", "2")
    assert result.exit_code == 1, (result.output, result.exception)
    (root / "output.txt").write_text(result.output)
    return made


def test_whole_models_are_ranked_and_broken_ones_say_why(folder: Folder) -> None:
    table = folder.table()
    assert set(table.index[table["status"] == "done"]) == set(folder.good)
    ranks = table["rank"].dropna()
    assert len(ranks) == 4 and ranks.iloc[0] == 1 and ranks.is_monotonic_increasing
    for model, reason in folder.broken.items():
        assert table.loc[model, "status"] == "failed"
        assert reason in table.loc[model, "reason"]
    done = table[table["status"] == "done"]
    assert done[["score", "std", "logme", "hscore", "knn", "leep", "nce"]].notna().all().all()
    assert (done["score_low"] <= done["score"]).all() and (
        done["score"] <= done["score_high"]
    ).all()
    assert table.loc[folder.good[0], "gain"] == 0


def test_the_terminal_shows_every_model_and_reason(folder: Folder) -> None:
    output = (folder.root / "output.txt").read_text()
    shown = "".join(output.split())
    for model, reason in folder.broken.items():
        assert "".join(reason.split()) in shown
        assert model in shown
    assert "4 of 10 models ranked" in output
    assert "2 compiled programs" in output
    assert "6 failed" in output


def test_the_table_says_whose_tokens_a_model_reads(folder: Folder) -> None:
    tokenizer = folder.table()["tokenizer"]
    pt, same, own, none = (tokenizer[name] for name in folder.good)
    assert pt == same != own
    assert none == f"none; {folder.good[0]}'s, {pt}"


def test_no_file_is_outside_the_directory_or_has_a_dangerous_name(folder: Folder) -> None:
    files = [p for p in (folder.root / "out").rglob("*") if p.is_file()]
    assert all(set(path.name).isdisjoint("<>&\"'") for path in files)
    assert not list(folder.root.parent.glob("x*"))
    assert len(list((folder.root / "out" / "probes" / "alpha").iterdir())) == 10


def test_the_list_of_the_best_is_ready_for_another_command(folder: Folder) -> None:
    lines = (folder.root / "out" / "top-2.txt").read_text().splitlines()
    assert lines[1] == f"pretrained: {folder.good[0]}"
    best = [m for m in folder.table().index if m != folder.good[0]][:2]
    assert lines[2:] == best


def test_the_same_command_goes_on_where_it_was_stopped(folder: Folder) -> None:
    shutil.copytree(folder.root / "out", folder.root / "again")
    store = folder.root / "again" / "probes" / "alpha"
    lost = next(path for path in store.glob("*m1--*.json"))
    lost.unlink()
    torn = next(path for path in store.glob("*no-tokenizer--*.json"))
    torn.write_text(torn.read_text()[:200])
    (folder.root / "again" / "ranking.csv").unlink()
    result = folder.rank("--estimators", "lp,logme,hscore,knn,leep,nce", out="again")
    assert "10 models, 8 done before, 2 to do" in result.output
    assert "is no record and does not count" in result.output
    pd.testing.assert_frame_equal(
        folder.table().drop(columns="seconds"), folder.table("again").drop(columns="seconds")
    )


@dataclass
class FakeRanking:
    """A ranking that makes up its scores: `calls` are the labels of the models that were probed."""

    data: Any
    tokenizer: Path
    failures: dict[str, str]
    calls: list[str] = field(default_factory=list)
    interrupt_after: int | None = None
    at: list[str | None] = field(default_factory=list)

    def require(self, ref: ModelRef) -> None:
        """Is there, or not."""
        if ref.label in self.failures:
            raise IntertrainError(self.failures[ref.label])

    def run(self, refs: Sequence[ModelRef], emit: Any, watch: Any) -> RankProgress:
        """Emits one model after another."""
        task = encode_task(self.data, self.tokenizer, 12, str(self.tokenizer.parent / "cache"))
        packed = type("Packed", (), {})()
        packed.encoded, packed.sizes, packed.num_tokens = task, {"train": len(task.train)}, 99
        for ref in refs:
            if self.interrupt_after == len(self.calls):
                raise KeyboardInterrupt
            self.calls.append(ref.label)
            self.at.append(ref.at)
            if ref.label in self.failures:
                emit([Outcome(ref, self.failures[ref.label])])
                continue
            loaded: Any = type("Loaded", (), {})()
            loaded.task, loaded.tokenizer = packed, "its own"
            loaded.revision = f"commit of {ref.label}"
            loaded.checkpoint = type("Checkpoint", (), {"fingerprint": f"weights {ref.label}"})()
            right = sum(map(ord, ref.label)) % len(task.test)
            heads = []
            for seed in range(2):
                labels = np.asarray(task.test.labels)
                guesses = np.where(np.arange(len(labels)) < right + seed, labels, 1 - labels)
                run = HeadRun(Progress(0.5, 0.5, 0, StopReason.SCHEDULE), steps=3, examples=24)
                run.outputs_NxC = np.eye(2, dtype=np.float32)[guesses]
                run.test = float(np.mean(guesses == labels))
                heads.append((run,))
            emit([Outcome(ref, None, loaded, "shape", tuple(heads))])
            done = len(self.calls)
            watch(RankProgress(done=done, passed=done, total=len(refs), seconds=1.0))
        return RankProgress(done=len(refs), total=len(refs), seconds=1.0)


@pytest.fixture
def config(tmp_path: Path) -> RankConfig:
    """Four models that need no files."""
    write_task(tmp_path / "data" / "alpha")
    write_tokenizer(tmp_path / "tokenizer")
    return RankConfig(
        task="alpha",
        models=("org/a", "org/b", "org/c"),
        pretrained="org/pt",
        seeds=2,
        learning_rates=(1e-3,),
        protocol=Protocol(max_length=12),
        data=DataConfig(str(tmp_path / "data")),
        tasks=(TASK,),
        out=str(tmp_path / "out"),
    )


@dataclass
class FakeRunner:
    """Makes up scores, and keeps the rankings that it has prepared."""

    changes: dict[str, Any]
    made: list[FakeRanking] = field(default_factory=list)

    def resolve_precision(self, precision: str) -> str:
        return "float32"

    def environment(self) -> dict[str, str]:
        return {"device": "made up"}

    def ranking(
        self, config: Any, protocol: Any, data: Any, out: Path, architecture: Any
    ) -> FakeRanking:
        failures = self.changes.get("failures", {})
        self.made.append(FakeRanking(data, out.parent / "tokenizer", failures))
        self.made[-1].interrupt_after = self.changes.get("interrupt_after")
        return self.made[-1]

    def head_result(self, *arguments: Any) -> Any:
        return result_of(*arguments)


def fake(config: RankConfig, **changes: Any) -> tuple[Any, list[FakeRanking]]:
    """Returns a runner that makes up scores, and the rankings that it will have prepared."""
    runner = FakeRunner(changes)
    return runner, runner.made


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


@pytest.mark.parametrize("content", ["", "base,x\na,much\n", "base\na\n", "base,x\na,1\na,2\n"])
def test_a_table_that_holds_no_gains_is_an_error(config: RankConfig, content: str) -> None:
    path = config.out_dir.with_name("gains.csv")
    path.write_text(content)
    engine, _ = fake(config)
    with pytest.raises(IntertrainError, match=r"gains .* must"):
        rank(config, runner=engine, gains=path)
    assert not config.out_dir.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "'models' must name at least one model"),
        (["--model", "a", "--max-models", "3"], "--max-models bounds what --from-hub finds"),
        (["--model", "a", "--estimators", "lp,logm"], "Did you mean 'logme'"),
        (["--model", "a", "--task", "mnly"], "Did you mean 'mnli'"),
        (["--models", "roberta-67"], "Did you mean 'roberta-66'"),
        (["--model", "a", "--gains", "nowhere.csv"], "gains 'nowhere.csv' must be a CSV table"),
    ],
)
def test_bad_options_are_errors_of_one_line(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["rank", *arguments])
    assert result.exit_code == 2
    assert message in result.output
    assert result.output.startswith("error: ") and result.output.count("\n") == 1
    assert not list(tmp_path.iterdir())
