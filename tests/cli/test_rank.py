"""A ranking from its command to its table, on real tiny models."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from safetensors.numpy import load_file, save_file

from intertrain_jax.cli import main
from tests.experiments import write_task, write_tokenizer
from tests.models.tiny_models import ModelFactory
from tests.rankings import TASK

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
        given += ["--set", "protocol.epochs=12", "--set", "learning_rates=[3e-2, 3e-1]"]
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

    # Models of which no head gives one class to every test example.
    seeds = {"pt": 0, "m1": 1, SCRIPT: 22, "no-tokenizer": 21}
    good = [model(name, seed) for name, seed in seeds.items()]
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
