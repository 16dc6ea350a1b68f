"""`study`: its plan, its last line and its exit code."""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

import intertrain_jax as ij
from intertrain_jax.base import IntertrainError
from intertrain_jax.cli import main
from intertrain_jax.workflows import study as module
from tests.experiments import FakeEngine
from tests.studies import raw_study


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["study", *arguments], catch_exceptions=False)


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(raw_study(tmp_path)), "utf-8")
    return str(path)


def test_a_study_ends_with_one_line(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "study", functools.partial(module.study, runner=FakeEngine()))
    result = invoke(file, "--quiet", "--set", "a.seeds=1", "--set", "b.seeds=1", "--limit", "20")
    # `c` still has two seeds.
    assert re.fullmatch(
        r"Study 'tiny-study': (\d+) of \1 runs done, 0 rankings; files in \S+/out\n", result.stdout
    )
    assert result.exit_code == 0
    failing = FakeEngine(failures={"alpha:beta:0": "diverged"})
    monkeypatch.setattr(module, "study", functools.partial(module.study.func, runner=failing))  # type: ignore[attr-defined]
    again = invoke(file, "--quiet", "--out", str(Path(file).parent / "other"))
    assert again.exit_code == 1 and ", 2 failed" in again.stdout


def test_a_dry_run_prints_runs_tokens_and_hours(file: str, tmp_path: Path) -> None:
    output = invoke(file, "--dry-run").output
    assert "a: 12 runs (2 base models beside PT, 2 targets, 2 seeds);" in output
    assert "tiny-study in all: 28 runs, each done once" in output
    assert "GPU hours: under 0.01" in output and "placeholders: alpha" in output
    assert not (tmp_path / "out").exists()


def test_what_is_done_of_a_study_is_analysed_by_its_directory(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "study", functools.partial(module.study, runner=FakeEngine()))
    out = tmp_path / "out"
    assert invoke(file, "--quiet", "--out", str(out)).exit_code == 0
    page = (out / "README.md").read_bytes()
    (out / "README.md").unlink()
    found = CliRunner().invoke(main, ["analyze", str(out)], catch_exceptions=False)
    assert found.exit_code == 0 and (out / "README.md").read_bytes() == page
    assert found.output.startswith("Study 'tiny-study': ")
    verdicts = json.loads((out / "analysis" / "verdicts.json").read_text("utf-8"))
    squeezed = " ".join(found.output.split())
    assert verdicts and all(" ".join(v["title"].split()) in squeezed for v in verdicts)
    assert repr(ij.results(out)).startswith("Study 'tiny-study': ")
    with pytest.raises(IntertrainError, match=r"a study of \d+ parts, .* such as .*/a\."):
        ij.report(out, out=tmp_path / "site")
    refused = CliRunner().invoke(main, ["analyze", str(out), "--averages", "common"])
    assert refused.exit_code == 2 and "of which --averages says nothing" in refused.output
    again = invoke(str(out))
    assert (
        again.exit_code == 2 and f"read what is there: intertrain-jax analyze {out}" in again.output
    )


def test_a_grid_is_no_study(tmp_path: Path) -> None:
    result = invoke("quickstart")
    assert result.exit_code == 2
    assert "error: config key 'study' must name at least one part, got nothing." in result.output
    other = CliRunner().invoke(main, ["grid", "--config", "mini-paper", "--dry-run"])
    assert other.exit_code == 2 and "Run it with `intertrain-jax study`" in other.output


def test_a_directory_is_no_study_but_hides_no_bundled_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    asked = []
    monkeypatch.setattr(module, "study", lambda name, **rest: asked.append(name))
    for name in ("mini-paper", "mine"):
        Path(name).mkdir()
    refused = CliRunner().invoke(main, ["study", "mine"])
    assert refused.exit_code == 2 and "but is a directory" in refused.stderr
    CliRunner().invoke(main, ["study", "mini-paper"])
    assert asked == ["mini-paper"]
