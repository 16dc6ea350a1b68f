"""Gives the commands thousands of damaged inputs: whatever comes, they end in what they promise.

    python tools/fuzz_inputs.py --cases 2000 --seed 0 --workers 2

Every case takes a valid input (a configuration, overrides, a data file, a model directory, the records
of a grid, a list of models, a table), damages it in one or two places, and runs a command on it. A case
is a finding if the command

- raises anything but an exit (a traceback, for a user),
- exits with another code than 0 (done), 1 (something failed and is recorded) or 2 (bad input),
- takes more than `--seconds`,
- prints more than one line of an error, or
- changes a file outside of the directory that it was told to write to.

Nothing is trained: where a command would, the case ends when everything was read, checked and
tokenised. Cases are numbered, and `--only KIND:NUMBER` repeats one. The process ends with 1 if there is
a finding; each is printed with the case that repeats it.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import multiprocessing
import os
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
RESULTS = REPOSITORY / "results" / "real-small"
MODEL = REPOSITORY / "intertrain_jax" / "data" / "quickstart" / "encoder"

# What a process may take before its first case; a slow machine takes its time.
_STARTING_SECONDS = 300.0

ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 0.5, -1e308, 1e308, 10**30, 2**63, float("nan"), float("inf")),
    *(
        "",
        " ",
        "nan",
        "null",
        "a" * 5000,
        "../../etc",
        "/",
        "~nobody",
        "\x00",
        "\ud800",
        "é\u202e😀",
    ),
    *("[/b]", "[red]", "\x1b[2J", "=1+1", "{a}", "{", "%s", "²", "0b_", "1_0", "2001-99-99"),
    *([], {}, [[]], [None], {"a": 1}, {"": ""}, [1, 2, 3], ["x", "x"]),
)
ODD_TEXTS = (
    *("", "\n", "[", "]" * 50, "{" * 200, "[" * 20_000, "&a [*a]", "? !!x", "- -", "\t", "\x00"),
    *("!!timestamp 2001-99-99", "a: 1\na: 2", ",,,,", '"', "'", "\ufeff", "\u2028", "NaN", "1e999"),
)


class FindingError(Exception):
    """A promise that was not kept."""


@dataclass(frozen=True)
class Case:
    """One damaged input and the command that meets it.

    Attributes:
        run: does it; returns the exit code and what was written to standard error.
        writes: the only folder that may change, beside the caches.
    """

    run: Callable[[], tuple[int, str]]
    writes: Path


# --- damage ---------------------------------------------------------------------------------------


def damaged_text(rng: random.Random, text: str) -> str:
    """Returns a text with a piece of it cut, repeated, replaced or moved."""
    for _ in range(rng.randint(1, 2)):
        lines = text.split("\n")
        at, end = sorted(rng.randrange(len(text) + 1) for _ in range(2))
        end = min(end, at + rng.choice((1, 3, 20, 400)))
        line = rng.randrange(len(lines))
        how = rng.randrange(7)
        if how == 0:
            text = text[:at] + text[end:]
        elif how == 1:
            text = text[:at] + rng.choice(ODD_TEXTS) + text[end:]
        elif how == 2:
            text = text[:at] + text[at:end] * rng.choice((2, 50)) + text[end:]
        elif how == 3:
            lines.insert(line, lines[rng.randrange(len(lines))])
            text = "\n".join(lines)
        elif how == 4:
            del lines[line]
            text = "\n".join(lines)
        elif how == 5:
            key, colon, _ = lines[line].partition(":")
            lines[line] = f"{key}{colon} {rng.choice((*ODD_TEXTS, *map(str, ODD_VALUES)))}"
            text = "\n".join(lines)
        else:
            text = text[:at]
    return text


def damaged_bytes(rng: random.Random, content: bytes) -> bytes:
    """Returns bytes with some of them changed, cut out or added."""
    if not content:
        return b"\xff\xfe"
    at = rng.randrange(len(content))
    how = rng.randrange(6)
    if how == 0:
        return content[:at]
    if how == 1:
        return content[:at] + bytes([rng.randrange(256)]) + content[at + 1 :]
    if how == 2:
        return content[:at] + rng.randbytes(rng.choice((1, 8, 100))) + content[at:]
    if how == 3:
        return (
            rng.choice((b"\xef\xbb\xbf", b"\xff\xfe", b"\x1f\x8b", b"PAR1", b"\x00" * 64)) + content
        )
    if how == 4:
        # Headers decide most: what comes first is hit more often.
        at = rng.randrange(min(len(content), 64))
        return content[:at] + rng.randbytes(4) + content[at + 4 :]
    return rng.randbytes(rng.choice((0, 1, 50)))


def damaged_value(rng: random.Random, value: Any) -> Any:
    """Returns plain values with one of them, somewhere inside, replaced, dropped or added."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = rng.choice(sorted(value, key=str))
        how = rng.random()
        if how < 0.08:
            return {k: v for k, v in value.items() if k != key}
        if how < 0.14:
            return {
                **value,
                str(rng.choice(("unknown", "", "[/b]", "nаme"))): rng.choice(ODD_VALUES),
            }
        return {**value, key: damaged_value(rng, value[key])}
    if isinstance(value, list) and value and rng.random() < 0.8:
        at = rng.randrange(len(value))
        if rng.random() < 0.2:
            return value[:at] + value[at + 1 :]
        return [*value[:at], damaged_value(rng, value[at]), *value[at + 1 :]]
    if isinstance(value, (int, float)) and not isinstance(value, bool) and rng.random() < 0.4:
        return rng.choice((-value, value * 1000, value + 1, str(value), [value], value / 7))
    return rng.choice(ODD_VALUES)


def damage_file(rng: random.Random, path: Path) -> None:
    """Damages a file in the way that suits it, or puts something else in its place."""
    how = rng.random()
    if how < 0.06:
        path.unlink()
        what = rng.randrange(5)
        if what == 0:
            path.mkdir()
        elif what == 1:
            path.symlink_to(path.name)
        elif what == 2 and hasattr(os, "mkfifo"):
            os.mkfifo(path)
        elif what == 3:
            path.write_bytes(b"")
        return
    content = path.read_bytes()
    if path.suffix == ".json" and how < 0.75:
        with contextlib.suppress(ValueError):
            value = damaged_value(rng, json.loads(content))
            path.write_text(json.dumps(value), "utf-8", errors="surrogatepass")
            return
    if how < 0.85 and path.suffix not in (".safetensors", ".parquet"):
        text = damaged_text(rng, content.decode("utf-8", errors="replace"))
        path.write_text(text, "utf-8", errors="surrogatepass")
        return
    path.write_bytes(damaged_bytes(rng, content))


# --- commands -------------------------------------------------------------------------------------


def command(*arguments: object) -> Callable[[], tuple[int, str]]:
    """Returns what runs a command in this process."""

    def run() -> tuple[int, str]:
        from click.testing import CliRunner

        from intertrain_jax.cli import main

        result = CliRunner().invoke(main, [str(argument) for argument in arguments])
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


def write_data(folder: Path, form: str) -> Path:
    """Writes a task's data in one format; returns the file of its train split."""
    folder = folder / "data" / "mine"
    folder.mkdir(parents=True)
    for split in ("train", "validation", "test"):
        path = folder / f"{split}.{form}"
        if form in ("csv", "tsv"):
            mark = "," if form == "csv" else "\t"
            lines = [
                mark.join(("text", "label")),
                *(f"{r['text']}{mark}{r['label']}" for r in ROWS),
            ]
            path.write_text("\n".join(lines) + "\n", "utf-8")
        elif form == "jsonl":
            path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), "utf-8")
        elif form == "json":
            path.write_text(json.dumps(ROWS), "utf-8")
        else:
            import pandas as pd

            pd.DataFrame(ROWS).to_parquet(path)
    return folder / f"train.{form}"


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
        path.write_text(
            damaged_text(rng, yaml.safe_dump(experiment(folder))), "utf-8", "surrogatepass"
        )
    out = folder / "out"
    verb = rng.choice((("grid", "--dry-run"), ("plan",), ("status",), ("tasks", "check", "mine")))
    return Case(command(*verb, "--config", path, "--out", out), out)


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


def of_data(rng: random.Random, folder: Path) -> Case:
    """A data file of any format."""
    path = write_data(folder, rng.choice(("csv", "tsv", "jsonl", "json", "parquet")))
    damage_file(rng, path)
    return Case(preparation(experiment(folder)), folder / "cache")


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
        return Case(command("models", "check", model), folder / "out")
    as_base = rng.random() < 0.5
    value = experiment(folder, **({} if as_base else {"model": str(model)}))
    if as_base:
        value["model"]["bases"] = [str(model)]
    return Case(preparation(value), folder / "cache")


def of_records(rng: random.Random, folder: Path) -> Case:
    """The files of a finished grid."""
    out = folder / "grid"
    shutil.copytree(RESULTS, out)
    records = sorted((out / "records").rglob("*.json"))
    files = [*records, *[out / "experiment.yaml", out / "resolution.json"] * 15]
    for _ in range(rng.randint(1, 2)):
        path = rng.choice(files)
        if path.is_file():
            damage_file(rng, path)
    verb = rng.choice((("status", "--out", out), ("analyze", out, "--out", folder / "out")))
    return Case(command(*verb), folder / "out")


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
    verb = rng.choice((("analyze", path, "--out", out), ("doctor", path)))
    return Case(command(*verb), out)


KINDS: dict[str, Callable[[random.Random, Path], Case]] = {
    "configuration": of_configuration,
    "overrides": of_overrides,
    "data": of_data,
    "model": of_model,
    "records": of_records,
    "list": of_list,
    "table": of_table,
}

# --- running --------------------------------------------------------------------------------------


def stamp(folder: Path, but: Path) -> dict[str, tuple[int, int]]:
    """Returns path → (size, time) of everything in a folder but what may change."""
    spared = {but, folder / "cache"}
    found = {}
    for path in sorted(folder.rglob("*")):
        if not any(path == one or one in path.parents for one in spared):
            status = path.lstat()
            found[str(path.relative_to(folder))] = (status.st_size, status.st_mtime_ns)
    return found


def attempt(kind: str, number: int, seed: int, scratch: Path) -> None:
    """Does one case.

    Raises:
        FindingError: it did not end as promised.
    """
    folder = scratch / f"{kind}-{number}"
    folder.mkdir()
    before = Path.cwd()
    try:
        case = KINDS[kind](random.Random(f"{seed}:{kind}:{number}"), folder)
        os.chdir(folder)
        shown = stamp(folder, case.writes)
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                code, errors = case.run()
        # A traceback is what is looked for, whatever it is of.
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            raise FindingError("".join(traceback.format_exception(error)[-4:])) from error
        if code not in (0, 1, 2):
            raise FindingError(f"exit code {code}: {errors[-300:]}")
        if code == 2:
            lines = [line for line in errors.splitlines() if line.startswith(("error:", "Error:"))]
            if len(lines) != 1 or errors.rstrip().splitlines()[-1] != lines[0]:
                raise FindingError(f"an error must be one line, the last one: {errors[-500:]!r}")
        changed = stamp(folder, case.writes)
        if changed != shown:
            names = sorted({*shown.items()} ^ {*changed.items()})
            raise FindingError(f"files outside the output directory changed: {names[:4]}")
    finally:
        os.chdir(before)
        shutil.rmtree(folder, ignore_errors=True)


def _work(todo: list[tuple[str, int]], seed: int, say: Any) -> None:
    """Does cases in a process of its own, and tells of each when it begins and how it ended."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    with tempfile.TemporaryDirectory(prefix="intertrain-fuzz-") as scratch:
        os.environ["INTERTRAIN_CACHE"] = str(Path(scratch) / "shared-cache")
        for kind, number in todo:
            say.send((kind, number, None))
            found = ""
            try:
                attempt(kind, number, seed, Path(scratch))
            except FindingError as finding:
                found = str(finding)
            say.send((kind, number, found))


def run(cases: list[tuple[str, int]], seed: int, seconds: float) -> Iterator[tuple[str, int, str]]:
    """Yields (kind, number, finding or "") of every case; a process that hangs is replaced."""
    context = multiprocessing.get_context("spawn")
    left = list(cases)
    while left:
        here, there = context.Pipe(duplex=False)
        process = context.Process(target=_work, args=(left, seed, there), daemon=True)
        process.start()
        there.close()
        doing: tuple[str, int] | None = None
        while left:
            if not here.poll(seconds if doing else _STARTING_SECONDS):
                process.kill()
                kind, number = doing or left[0]
                left.remove((kind, number))
                yield kind, number, f"it took more than {seconds:g} seconds"
                break
            try:
                kind, number, found = here.recv()
            except EOFError:
                kind, number = doing or left[0]
                left.remove((kind, number))
                yield kind, number, f"the process ended with {process.exitcode}"
                break
            doing = (kind, number)
            if found is not None:
                left.remove((kind, number))
                doing = None
                yield kind, number, found
        process.join(5)
        process.kill()


def main(arguments: list[str] | None = None) -> int:
    """Runs the campaign; returns how many kinds of findings there are, at most 1."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--only", help="KIND:NUMBER, in this process, with its whole traceback")
    parser.add_argument("--seconds", type=float, default=60.0, help="that a case may take")
    parser.add_argument("--share", default="0/1", help="K/N: of N processes, this is the K-th")
    options = parser.parse_args(arguments)
    if options.only:
        kind, _, number = options.only.partition(":")
        with tempfile.TemporaryDirectory(prefix="intertrain-fuzz-") as scratch:
            attempt(kind, int(number), options.seed, Path(scratch))
        return 0
    kinds = options.kinds.split(",")
    every = [(kinds[k % len(kinds)], k // len(kinds)) for k in range(options.cases)]
    part, parts = map(int, options.share.split("/"))
    began, counts, findings = time.monotonic(), Counter[str](), []
    for kind, number, found in run(every[part::parts], options.seed, options.seconds):
        counts[kind] += 1
        if found:
            findings.append(found)
            print(f"FINDING {kind}:{number}: {found.rstrip()}\n", flush=True)
    spent = time.monotonic() - began
    print(
        f"{sum(counts.values())} cases in {spent:.0f} s ({dict(counts)}): {len(findings)} findings"
    )
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
