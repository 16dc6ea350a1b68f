"""`report`."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from intertrain_jax.cli import main


def test_it_names_the_page_to_open(repository: Path, tmp_path: Path) -> None:
    source, out = repository / "results" / "real-small", tmp_path / "site"
    arguments = ["report", str(source), "--out", str(out), "--no-figures"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert f"Open {out / 'index.html'}" in result.output and (out / "index.html").is_file()
    assert "0 of them new or changed" in CliRunner().invoke(main, arguments).output


def test_options_that_do_nothing_are_errors(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["report", str(tmp_path), "--port", "80"])
    assert result.exit_code == 2 and "--port is for --serve only" in result.output
