"""Gives the commands thousands of damaged inputs: whatever comes, they end in what they promise.

    python tools/fuzz_inputs.py --cases 2000 --seed 0

Every case takes a valid input (a configuration, overrides, a data file, a model directory, the files of
a grid or of a ranking, a list of models, a table, the words of a command), damages it in one or two
places, and runs a command on it. A case is a finding if the command

- raises anything but an exit (a traceback, for a user),
- exits with another code than 0 (done), 1 (something failed and is recorded) or 2 (bad input),
- takes more than `--seconds`,
- prints more than one line of an error, or
- changes a file outside of the directory that it was told to write to.

Little is trained: where a command would, the case ends when everything was read, checked and
tokenised, or after a few steps. Cases are numbered, and `--only KIND:NUMBER` repeats one. The process
ends with 1 if there is a finding; each is printed with the case that repeats it.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import multiprocessing
import os
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from typing import Any

from fuzz_results import KINDS, SELDOM

# What a process may take before its first case; a slow machine takes its time.
_STARTING_SECONDS = 300.0


class FindingError(Exception):
    """A promise that was not kept."""


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
            few = bool(lines) if case.lists else len(lines) == 1
            if not few or errors.rstrip().splitlines()[-1] != lines[-1]:
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
    rounds = (
        (kind, number // SELDOM.get(kind, 1))
        for number in count()
        for kind in kinds
        if number % SELDOM.get(kind, 1) == 0
    )
    every = list(islice(rounds, options.cases))
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
