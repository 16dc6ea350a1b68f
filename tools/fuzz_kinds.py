"""Makes the damaged inputs of `fuzz_inputs.py`, a kind at a time, and the commands that meet them."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import random
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fuzz_damage import (
    ODD_TEXTS,
    ODD_VALUES,
    damage_file,
    damaged_bytes,
    damaged_text,
    damaged_value,
    key_twice,
    number_changed,
)

REPOSITORY = Path(__file__).resolve().parent.parent
MODEL = REPOSITORY / "intertrain_jax" / "data" / "quickstart" / "encoder"


@dataclass(frozen=True)
class Case:
    """One damaged input and the command that meets it.

    Attributes:
        run: does it; returns the exit code and what was written to standard error.
        writes: the only folder that may change, beside the caches.
        lists: whether all that is wrong is listed, a line each.
    """

    run: Callable[[], tuple[int, str]]
    writes: Path
    lists: bool = False


# --- commands -------------------------------------------------------------------------------------


def command(*arguments: object) -> Callable[[], tuple[int, str]]:
    """Returns what runs a command in this process."""

    def run() -> tuple[int, str]:
        from click.testing import CliRunner

        from intertrain_jax.cli import main

        # As a shell gives them: bytes, of which not all are text.
        words = [os.fsdecode(str(one).encode("utf-8", "surrogatepass")) for one in arguments]
        result = CliRunner().invoke(main, words)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.stderr

    return run


def preparation(config: dict[str, Any]) -> Callable[[], tuple[int, str]]:
    """Returns what reads, checks and tokenises everything that a grid needs, and trains nothing."""

    def run() -> tuple[int, str]:
        import warnings

        from intertrain_jax.base import IntertrainError
        from intertrain_jax.config.experiment import load_config
        from intertrain_jax.workflows.grid import prepare
        from intertrain_jax.workflows.runner import Devices
        from intertrain_jax.workflows.watch import Silent

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                prepared = prepare(load_config(config), Devices(), Silent())
                prepared.bases.tasks(prepared.plan)
                prepared.bases.close()
        except IntertrainError as error:
            return error.exit_code, f"error: {error}\n"
        return 0, ""

    return run


# --- kinds of input -------------------------------------------------------------------------------

ROWS = [
    {"text": f"{('bad', 'good')[k % 2]} film{' very' * (k % 3)}", "label": k % 2} for k in range(30)
]
TASK = {"name": "mine", "texts": ["{text}"], "labels": ["neg", "pos"]}


def write_data(folder: Path, form: str, rows: Sequence[Mapping[str, Any]] = ROWS) -> Path:
    """Writes a task's data in one format; returns the file of its train split, which has `rows`."""
    folder = folder / "data" / "mine"
    folder.mkdir(parents=True)
    for split in ("train", "validation", "test"):
        path, own = folder / f"{split}.{form}", rows if split == "train" else ROWS
        kind = form.removesuffix(".gz")
        if kind in ("csv", "tsv"):
            mark = "," if kind == "csv" else "\t"
            lines = [mark.join(("text", "label"))]
            lines += [mark.join(str(value) for value in row.values()) for row in own]
            text = "\n".join(lines) + "\n"
        elif kind in ("jsonl", "ndjson"):
            text = "".join(json.dumps(row) + "\n" for row in own)
        elif kind == "json":
            text = json.dumps(own)
        else:
            import pandas as pd

            pd.DataFrame(own).to_parquet(path)
            continue
        content = text.encode("utf-8", errors="surrogatepass")
        path.write_bytes(gzip.compress(content) if form != kind else content)
    return folder / f"train.{form}"


def odd_rows(rng: random.Random) -> list[dict[str, Any]]:
    """Returns rows of which a few have odd cells."""
    rows: list[dict[str, Any]] = [dict(row) for row in ROWS]
    for _ in range(rng.randint(1, 3)):
        rng.choice(rows)[rng.choice(("text", "label", "label", "idx"))] = rng.choice(ODD_VALUES)
    if rng.random() < 0.3:
        odd = rng.choice(ODD_VALUES)
        rows = [{**row, rng.choice(("label", "text")): odd} for row in rows]
    return rows


def experiment(folder: Path, model: str = "quickstart", **changes: Any) -> dict[str, Any]:
    """Returns a configuration of a grid over the user's own task."""
    return {
        "name": "fuzzed",
        "model": {"pretrained": model},
        "sources": ["mine"],
        "targets": ["mine"],
        "seeds": 2,
        "out": str(folder / "out"),
        "protocol": {"max_length": 32, "epochs": 1, "batch_size": 8},
        "data": {"data_dir": str(folder / "data"), "cache_dir": str(folder / "cache")},
        "tasks": [TASK],
        **changes,
    }


def of_configuration(rng: random.Random, folder: Path) -> Case:
    """A YAML file, damaged as text or as values."""
    import yaml

    write_data(folder, "jsonl")
    value = experiment(folder)
    path = folder / "my.yaml"
    if rng.random() < 0.5:
        value = damaged_value(rng, value)
    with contextlib.suppress(yaml.YAMLError):
        text = yaml.safe_dump(value, allow_unicode=True)
        path.write_text(text, "utf-8", errors="surrogatepass")
    if not path.exists() or rng.random() < 0.5:
        damage = rng.choice((damaged_text, damaged_text, key_twice, number_changed))
        path.write_text(damage(rng, yaml.safe_dump(experiment(folder))), "utf-8", "surrogatepass")
    if rng.random() < 0.1:
        damage_file(rng, path)
    out = folder / "out"
    verb = rng.choice((("grid", "--dry-run"), ("plan",), ("status",), ("tasks", "check", "mine")))
    return Case(command(*verb, "--config", path, "--out", out), out, lists=verb[0] == "tasks")


def of_overrides(rng: random.Random, folder: Path) -> Case:
    """Values of `--set` and of other options."""
    keys = ("seeds", "protocol.epochs", "protocol.max_length", "engine.lanes", "engine.row_length")
    others = (
        "model.bases",
        "data.limit",
        "protocol.learning_rate",
        "targets",
        "name",
        "tasks",
        "x.y",
    )
    arguments: list[object] = []
    for _ in range(rng.randint(1, 3)):
        value = rng.choice((*map(str, ODD_VALUES), *ODD_TEXTS)).replace("\x00", "")
        if rng.random() < 0.7:
            arguments += ["--set", f"{rng.choice((*keys, *others))}={value}"]
        else:
            option = rng.choice(("--seeds", "--lanes", "--limit", "--data-dir", "--config"))
            arguments += [option, value]
    out = folder / "out"
    verb = rng.choice((("grid", "--dry-run"), ("plan",), ("status",)))
    return Case(command(*verb, *arguments, "--out", out), out)


_TASKS: tuple[dict[str, Any], ...] = (
    TASK,
    {"name": "mine", "texts": ["{text}"]},
    {"name": "mine", "texts": ["{text}"], "metric": "spearman"},
    {"name": "mine", "texts": ["{text}", "so: {text}"], "labels": ["0", "1"]},
)


def of_data(rng: random.Random, folder: Path) -> Case:
    """A data file of any format."""
    form = rng.choice(("csv", "tsv", "jsonl", "json", "parquet", "csv.gz", "jsonl.gz"))
    if rng.random() < 0.4:
        try:
            write_data(folder, form, odd_rows(rng))
        except Exception:  # what Parquet cannot hold
            shutil.rmtree(folder / "data")
            damage_file(rng, write_data(folder, form))
    else:
        damage_file(rng, write_data(folder, form))
    value = experiment(folder, tasks=[rng.choice(_TASKS)])
    if rng.random() < 0.2:
        path = folder / "my.yaml"
        path.write_text(json.dumps(value), "utf-8")
        verb = ("tasks", rng.choice(("check", "show")), "mine", "--config", path)
        return Case(command(*verb), folder / "cache", lists=True)
    return Case(preparation(value), folder / "cache")


def of_own(rng: random.Random, folder: Path) -> Case:
    """A file of a person's own, of which columns are guessed or named."""
    form = rng.choice(("csv", "tsv", "jsonl", "json", "parquet", "csv.gz", "ndjson"))
    rows = [{**row, "text": f"{row['text']} {k}"} for k, row in enumerate((*ROWS, *ROWS))]
    for _ in range(rng.randint(0, 3)):
        rng.choice(rows)[rng.choice(("text", "label", "label", "idx"))] = rng.choice(ODD_VALUES)
    try:
        path = write_data(folder, form, rows)
    except Exception:  # what Parquet cannot hold
        shutil.rmtree(folder / "data")
        path = write_data(folder, form)
    if rng.random() < 0.6:
        damage_file(rng, path)
    words: list[object] = []
    for option in ("--text", "--text2", "--label", "--test"):
        if rng.random() < 0.2:
            named = ("text", "label", "{text} {label}", "{", path, rng.choice(ODD_TEXTS))
            words += [option, str(rng.choice(named)).replace("\x00", "")[:100_000]]
    place = rng.choice((path, path, path.parent))
    return Case(command("tasks", "check", place, *words), folder / "cache", lists=True)


def of_model(rng: random.Random, folder: Path) -> Case:
    """A model directory: its configuration, weights and tokenizer."""
    write_data(folder, "jsonl")
    model = folder / "model"
    shutil.copytree(MODEL, model)
    for name in [path.name for path in sorted(model.iterdir()) if path.is_file()]:
        (model / name).chmod(0o644)
    for _ in range(rng.randint(1, 2)):
        files = [path for path in sorted(model.iterdir()) if path.is_file() and path.suffix]
        damage_file(rng, rng.choice(files))
    if rng.random() < 0.3:
        verb = rng.choice((("check", model), ("export", model, folder / "out")))
        return Case(command("models", *verb), folder / "out")
    as_base = rng.random() < 0.5
    value = experiment(folder, **({} if as_base else {"model": str(model)}))
    if as_base:
        value["model"]["bases"] = [str(model)]
    return Case(preparation(value), folder / "cache")


def of_list(rng: random.Random, folder: Path) -> Case:
    """A list of base models."""
    path = folder / "models.txt"
    lines = [
        "# mine",
        "pretrained: quickstart",
        "org/a@v1",
        "- org/b",
        "https://huggingface.co/org/c",
    ]
    text = damaged_text(rng, "\n".join(lines))
    path.write_text(text, "utf-8", errors="surrogatepass")
    if rng.random() < 0.3:
        path.write_bytes(damaged_bytes(rng, text.encode("utf-8", errors="replace")))
    out = folder / "out"
    return Case(command("grid", "--dry-run", "--bases", path, "--out", out), out)


def of_table(rng: random.Random, folder: Path) -> Case:
    """A table of gains, of scores, or of a leaderboard."""
    names, targets = [f"m{k}" for k in range(8)], ["rte", "cola", "mnli", "sst2"]
    shape = rng.randrange(3)
    if shape == 0:
        rows = [["base", *targets]]
        rows += [[m, *(f"{rng.gauss(0, 2):.2f}" for _ in targets)] for m in names]
    elif shape == 1:
        rows = [["base", "target", "seed", "score"]]
        rows += [
            [m, t, str(s), f"{rng.gauss(60, 5):.2f}"]
            for m in ("PT", *names)
            for t in targets
            for s in range(2)
        ]
    else:
        rows = [["", "model_name", *targets, "avg", "mnli_lp"]]
        rows += [
            [str(k), m, *(f"{rng.gauss(60, 5):.2f}" for _ in range(len(targets) + 2))]
            for k, m in enumerate(("roberta-base", *names))
        ]
    if rng.random() < 0.6:
        for _ in range(rng.randint(1, 3)):
            row = rng.choice(rows)
            if row:
                at = rng.randrange(len(row))
                if rng.random() < 0.15:
                    del row[at]
                else:
                    row[at] = str(rng.choice(ODD_VALUES))
    path = folder / "table.csv"
    mark = rng.choice((",", ",", ";", "\t"))
    text = "\n".join(mark.join(row) for row in rows)
    if rng.random() < 0.5:
        text = damaged_text(rng, text)
    path.write_text(text, "utf-8", errors="surrogatepass")
    out = folder / "out"
    verb = rng.choice(
        (
            ("analyze", path, "--out", out),
            ("doctor", path),
            ("report", path, "--out", out, "--no-figures"),
        )
    )
    return Case(command(*verb), out)


def of_command(rng: random.Random, folder: Path) -> Case:
    """Words behind commands: options and arguments that nobody foresaw."""
    results, out = REPOSITORY / "results" / "real-small", folder / "out"
    table = results / "analysis" / "gains.csv"
    value = str(rng.choice((*ODD_VALUES, *ODD_TEXTS))).replace("\x00", "")[:100_000]
    verbs: tuple[tuple[object, ...], ...] = (
        ("analyze", value, "--out", out),
        ("analyze", table, "--out", out, "--pretrained", value),
        ("analyze", table, "--out", out, "--representative", value),
        ("analyze", table, "--out", out, rng.choice(("--probe", "--with", "--sizes")), value),
        ("analyze", "--pairs", table, "--x", value, "--y", "rte", "--out", out),
        ("doctor", value),
        ("doctor", table, "--pretrained", value),
        ("report", value, "--out", out),
        ("status", "--out", value),
        ("recommend", "--target", value, "--out", out),
        ("recommend", "--target", table, rng.choice(("--ranking", "--model")), value, "--out", out),
        ("recommend", "--target", table, rng.choice(("--price", "--budget")), value, "--out", out),
        ("predict", value, table, "--out", out / "rows.csv"),
        ("predict", "quickstart", value, "--out", out / "rows.csv"),
        ("plan", "--out", out, "--explain", value),
        ("plan", "--out", results, "--explain", value),
        ("tasks", rng.choice(("show", "check")), value),
        ("tasks", "list", "--config", value),
        ("models", "check", value),
        ("models", "check", "quickstart", "--revision", value),
        ("models", "export", value, out),
        ("models", "kept", results, value, out),
        ("models", "sources", rng.choice((results, value)), out),
        ("models", "train", value, "reviews", "0", "--out", out),
        ("rank", "--model", value, "--out", out, "--task", rng.choice(("rte", value))),
        ("rank", "--models", value, "--out", out),
        ("rank", "--config", value, "--out", out),
        ("rank", "--model", "org/a", "--estimators", value, "--out", out),
        ("rank", "--model", "org/a", "--set", f"learning_rates={value}", "--out", out),
        ("grid", "--dry-run", "--bases", value, "--out", out),
    )
    return Case(command(*rng.choice(verbs)), out)


KINDS: dict[str, Callable[[random.Random, Path], Case]] = {
    "configuration": of_configuration,
    "overrides": of_overrides,
    "data": of_data,
    "own": of_own,
    "model": of_model,
    "list": of_list,
    "table": of_table,
    "command": of_command,
}
