"""`recommend` on the command line."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from intertrain_jax.cli import main
from intertrain_jax.workflows import recommend as module
from intertrain_jax.workflows import runner
from tests.searches import Scored, spare_pictures, write_models, write_target


def invoke(folder: Path, *words: str) -> tuple[int, str]:
    arguments = ["--target", str(folder / "dishes.csv"), "--out", str(folder / "out"), *words]
    settings = ["--set", f"data.cache_dir={folder / 'cache'}"]
    result = CliRunner().invoke(main, ["recommend", *arguments, *settings])
    return result.exit_code, result.output


def test_it_ends_with_the_decision_and_how_to_use_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spare_pictures(monkeypatch)
    monkeypatch.setattr(runner, "Devices", Scored)
    monkeypatch.setattr(module, "export_run", lambda out, run, where, more: where.mkdir())
    write_target(tmp_path)
    ranking = write_models(tmp_path)
    given = ["--ranking", str(ranking), "--pretrained", str(tmp_path / "model"), "--quiet"]
    code, said = invoke(tmp_path, *given, "--explain")
    assert code == 0, said
    lines = said.splitlines()
    assert lines[0].startswith("1. PT, seed 0: gains are over it.")
    start = next(k for k, line in enumerate(lines) if line.startswith("Start from"))
    assert lines[start].endswith("m2.") and "on test: +" in lines[start + 1]
    place = str(tmp_path / "out" / "model")
    assert f'  pipeline("text-classification", model={place!r})("a text")' in lines
    assert f"For a file: intertrain-jax predict {place} FILE.csv" in lines
    made, page = lines[-1].removeprefix("As pages: intertrain-jax ").split(", then open ")
    pages = CliRunner().invoke(main, [*shlex.split(made), "--no-figures"])
    assert pages.exit_code == 0 and Path(page).is_file(), pages.output
    code, short = invoke(tmp_path, *given)
    assert code == 0 and short.startswith("Start from"), short


def test_what_does_not_fit_is_one_line_and_code_2(tmp_path: Path) -> None:
    write_target(tmp_path)
    code, said = invoke(tmp_path, "--ranking", "robert")
    assert code == 2 and "Did you mean 'roberta'" in said and said.count("\n") == 1
