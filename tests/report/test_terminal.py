"""The gain matrix on a terminal."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console
from rich.table import Table
from rich.text import Text

from intertrain_jax.base import printable
from intertrain_jax.records.runs import Record
from intertrain_jax.report.terminal import make_console, print_matrix
from intertrain_jax.stats.gains import Expected
from intertrain_jax.study.files import analyse
from tests.runs import make_config, make_plan, make_record


def render(
    records_of: dict[str, float | str | None],
    width: int = 120,
    tasks: tuple[str, ...] = ("alpha", "beta"),
    color: bool = False,
) -> str:
    """Renders a matrix; a run's value is its score, its failure, or None if it is missing."""
    plan = make_plan(make_config(sources=tasks[:1], targets=tasks, seeds=2))
    records: dict[str, Record] = {}
    for run in plan.runs:
        value = records_of.get(run.name, 60.0 + run.seed)
        if isinstance(value, str):
            records[run.id] = make_record(run, reason=value)
        elif value is not None:
            records[run.id] = make_record(run, value)
    expected = [Expected(r.id, r.base.label, r.target, r.seed) for r in plan.matrix_runs]
    stream = io.StringIO()
    console = Console(
        file=stream,
        width=width,
        force_terminal=color,
        color_system="truecolor" if color else None,
        highlight=False,
    )
    print_matrix(console, analyse(expected, records, "PT", plan.bases, plan.targets, 2), "PT")
    return stream.getvalue()


def row(text: str, label: str) -> str:
    return next(line for line in text.splitlines() if line.strip().startswith(label + " "))


def test_scores_gains_spread_and_average() -> None:
    text = render({"alpha:alpha:0": 63.0, "alpha:alpha:1": 65.0})
    assert row(text, "PT").split() == ["PT", "60.5", "±0.7", "60.5", "±0.7"]
    # Beyond two standard deviations, but two seeds of two base models are too few to know those.
    assert row(text, "alpha").split() == ["alpha", "+1.75", "+3.5", "±0.7", "+0.0", "±0.0"]
    assert "2 seeds" in text


@pytest.mark.parametrize(
    ("records_of", "cell"),
    [
        ({"alpha:alpha:0": None}, r"\+0\.0 n=1"),
        ({"alpha:alpha:0": "diverged"}, r"\+0\.0 n=1"),
        ({"alpha:alpha:0": None, "alpha:alpha:1": None}, "missing"),
        ({"alpha:alpha:0": "diverged", "alpha:alpha:1": None}, "failed"),
        ({"alpha:alpha:0": None, "PT:alpha:1": None}, r"\+1\.0 n=1"),
    ],
)
def test_every_gap_is_visible(records_of: dict[str, float | str | None], cell: str) -> None:
    line = row(render(records_of), "alpha")
    assert re.search(cell, line)
    assert "incomplete" in line


def test_no_colour_codes_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b" not in render({})
    monkeypatch.delenv("COLUMNS", raising=False)
    assert make_console().width == 120


def test_gains_are_blue_and_losses_red() -> None:
    strong = {
        "alpha:alpha:0": 90.0,
        "alpha:alpha:1": 91.0,
        "alpha:beta:0": 30.0,
        "alpha:beta:1": 31.0,
    }
    text = render(dict(strong), color=True)
    colours = [tuple(map(int, c)) for c in re.findall(r"48;2;(\d+);(\d+);(\d+)", row_of(text))]
    average, gain, loss = colours
    assert gain[2] > gain[0]
    assert loss[0] > loss[2]
    assert average[0] > 200


def row_of(text: str) -> str:
    return next(line for line in text.splitlines() if "alpha" in line and "48;2" in line)


@pytest.mark.parametrize("width", [60, 100, 200])
def test_wide_matrices_are_continued_below(width: int) -> None:
    tasks = tuple(f"target_number_{n}" for n in range(22))
    text = render({}, width=width, tasks=tasks)
    assert all(len(line) <= width for line in text.splitlines())
    for task in tasks:
        assert re.search(rf"\b{task}\b", text)
    assert "…" not in text
    assert text.count("PT ") >= 22 * 14 // width


def test_one_seed_has_no_spread() -> None:
    plan = make_plan(make_config(sources=("alpha",), targets=("beta",), seeds=1))
    records = {run.id: make_record(run, 60.0) for run in plan.runs}
    expected = [Expected(r.id, r.base.label, r.target, r.seed) for r in plan.matrix_runs]
    stream = io.StringIO()
    analysis = analyse(expected, records, "PT", plan.bases, plan.targets, 1)
    print_matrix(Console(file=stream, width=100), analysis, "PT")
    assert "±" not in stream.getvalue().split("PT: test score")[0]
    assert "1 seed," in stream.getvalue()


@pytest.mark.parametrize(
    "name", ["[/b]", "[bold]x", ":smiley:", "a\x1b[2Jb", "a\x9b31mb", "a\u202eb"]
)
@pytest.mark.parametrize("coloured", [False, True])
def test_names_are_shown_and_never_acted_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str, coloured: bool
) -> None:
    """As markup, as emoji, or by the terminal; wherever in what is printed they are."""
    monkeypatch.setenv("COLUMNS", "100")
    if coloured:
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("TERM", "xterm-256color")
    console = make_console()
    table = Table(name)
    table.add_row(name, style="red")
    for printed in (name, Text(name), table, f"one\n{name}"):
        console.print(printed)
    out = capsys.readouterr().out
    shown = printable(name)
    assert out.count(shown) == 5
    plain = re.sub("\x1b\\[[0-9;]*m", "", out)
    assert ("\x1b[" in out) == coloured, "its own colours stay"
    assert all(line.isprintable() for line in plain.split("\n"))
