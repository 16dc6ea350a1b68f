"""What is printed of strangers' names is shown, never acted on by the terminal."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from intertrain_jax.cli.lines import pass_on, say


def test_a_line_stays_one_and_escapes_are_written_out(capsys: pytest.CaptureFixture[str]) -> None:
    say("one\x1b]0;title\x07\ntwo [/b]\u202e")
    say("three", err=True)
    captured = capsys.readouterr()
    assert captured.out == "one\\x1b]0;title\\x07\\ntwo [/b]\\u202e\n"
    assert captured.err == "three\n"


def test_a_document_is_passed_on_as_it_is_but_to_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pass_on("text\n\x1b[31mred\n")
    assert capsys.readouterr().out == "text\n\x1b[31mred\n"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    pass_on("text\n\x1b[31mred\n")
    assert capsys.readouterr().out == "text\n\\x1b[31mred\n"


def test_commands_print_in_no_other_way(repository: Path) -> None:
    for path in (repository / "intertrain_jax").rglob("*.py"):
        if path.name == "lines.py":
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            assert called not in ("print", "click.echo", "click.secho"), path
