"""Figures: every one that a result allows, the same bytes each time, and no name is trusted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from intertrain_jax.report.canvas import drawing, short
from intertrain_jax.report.figure_matrix import MOST_ROWS, MatrixPicture, draw_matrix
from intertrain_jax.report.figures import write_figures
from intertrain_jax.study.analyse import analyse_study
from intertrain_jax.study.inputs import Study, single_scores
from intertrain_jax.study.result import Result
from tests.stats.studies import study_of_runs

GROUPS = {"one": ("a", "b", "c"), "two": ("d", "e")}


def texts(path: Path) -> list[str]:
    """The texts of an SVG file, which must be well-formed."""
    root = ElementTree.parse(path).getroot()
    return ["".join(e.itertext()) for e in root.iter("{http://www.w3.org/2000/svg}text")]


@pytest.fixture(scope="module")
def result() -> Result:
    return analyse_study(study_of_runs(groups=GROUPS, failed={"b:a:1": "diverged"}))


@pytest.fixture(scope="module")
def figures(result: Result, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("figures")
    write_figures(folder, result)
    return folder


def test_every_figure_is_png_and_svg(figures: Path) -> None:
    expected = {"gain_matrix", "gain_std", "ranks", "residuals", "source_scores"}
    assert {path.name for path in figures.iterdir()} == {
        f"{name}.{suffix}" for name in expected for suffix in ("png", "svg")
    }
    for path in figures.glob("*.png"):
        assert path.read_bytes().startswith(b"\x89PNG\r\n")


def test_the_same_study_gives_the_same_bytes(figures: Path, result: Result, tmp_path: Path) -> None:
    write_figures(tmp_path, result)
    for path in figures.iterdir():
        assert path.read_bytes() == (tmp_path / path.name).read_bytes(), path.name


def test_the_matrix_has_names_values_groups_and_averages(figures: Path, result: Result) -> None:
    written = texts(figures / "gain_matrix.svg")
    for name in ("a", "b", "c", "d", "e"):
        assert written.count(name) == 2
    assert written.count("one") == 2
    assert written.count("average") == 2
    gains = result.study.gains
    value = f"{gains.mean.loc['a', 'b']:+.1f}"
    assert any(text.rstrip("*") == value for text in written)
    marked = (gains.significant.abs() == 1).to_numpy().sum()
    assert sum(text.endswith("*") for text in written) == marked


def test_a_figure_that_is_no_more_is_removed(tmp_path: Path, result: Result) -> None:
    write_figures(tmp_path, result)
    (tmp_path / "mine.png").write_bytes(b"x")
    left = {k: v for k, v in result.values.items() if k != "source_scores"}
    write_figures(tmp_path, replace(result, values=left))
    assert not list(tmp_path.glob("source_scores.*"))
    assert (tmp_path / "mine.png").is_file()


def test_names_are_text_whatever_they_hold(tmp_path: Path) -> None:
    names = ["$x^2$", "a<b>&c", "\u4f60\u597d", "x" * 300, "new\nline\x07", r"$\frac{"]
    gains = pd.DataFrame(
        np.random.default_rng(1).standard_normal((6, 6)), pd.Index(names, name="base"), names
    )
    study = Study("$name$ <x>", "matrix", "PT", single_scores(gains))
    study = replace(study, probe=gains.mean(axis=1) + 50.0)
    write_figures(tmp_path, analyse_study(study))
    written = texts(tmp_path / "gain_matrix.svg")
    assert "$x^2$" in written and "a<b>&c" in written
    assert short("x" * 300) in written
    assert "new?line?" in written


def test_short_names_keep_both_ends() -> None:
    assert short("abc") == "abc"
    name = short("organisation/" + "x" * 60 + "-v2", 20)
    assert len(name) == 20
    assert name.startswith("organi") and name.endswith("-v2") and "…" in name


def picture(rows: int, **changes: object) -> MatrixPicture:
    values = pd.DataFrame(
        np.linspace(-5, 5, rows * 3).reshape(rows, 3),
        index=[f"m{k}" for k in range(rows)],
        columns=["x", "y", "z"],
    )
    standard = {
        "title": "Gains",
        "below": "",
        "values": values,
        "marks": pd.DataFrame("", index=values.index, columns=values.columns),
        "row_groups": [""] * rows,
        "column_groups": ["", "", ""],
        "row_margin": values.mean(axis=1),
        "margin_name": "average",
        "column_margin": values.mean(),
        "column_margin_name": "average",
    }
    return MatrixPicture(**{**standard, **changes})  # type: ignore[arg-type]


def drawn_texts(shown: MatrixPicture) -> list[str]:
    with drawing():
        figure = draw_matrix(shown)
        return [t.get_text() for axes in figure.axes for t in axes.texts] + [
            t.get_text() for t in figure.texts
        ]


def test_many_rows_are_cut_and_it_says_so() -> None:
    written = drawn_texts(picture(MOST_ROWS))
    assert sum(text.startswith("m") for text in written) == MOST_ROWS
    written = drawn_texts(picture(400))
    names = [text for text in written if text.startswith("m")]
    assert "m0" in names and "m399" in names and "m200" not in names
    assert f"{400 - len(names)} more rows" in written
    assert any("Of 400 rows" in text for text in written)


def test_missing_cells_are_not_zero() -> None:
    values = picture(4).values.copy()
    values.iloc[1, 1] = np.nan
    written = drawn_texts(picture(4, values=values))
    assert "nan" not in " ".join(written)
    # 12 cells, four averages of rows and three of columns, less the missing one.
    numbers = [text for text in written if text.lstrip("+-").replace(".", "").isdigit()]
    assert len(numbers) == 12 + 4 + 3 - 1


def test_missing_cells_are_hatched() -> None:
    from matplotlib.collections import PolyCollection

    values = picture(4).values.copy()
    values.iloc[1, 1] = np.nan
    with drawing():
        figure = draw_matrix(picture(4, values=values))
        boxes = [c for c in figure.axes[0].collections if isinstance(c, PolyCollection)]
        known, missing = boxes[:2]
        assert missing.get_hatch() and not known.get_hatch()
        assert (len(known.get_paths()), len(missing.get_paths())) == (11, 1)


def test_colours_are_centred_at_zero() -> None:
    from matplotlib.collections import PolyCollection

    values = picture(3).values * 0.0
    values.iloc[0] = [4.0, -4.0, 0.0]
    with drawing():
        figure = draw_matrix(picture(3, values=values))
        cells = next(c for c in figure.axes[0].collections if isinstance(c, PolyCollection))
        gain, loss, nothing = np.asarray(cells.get_facecolor())[:3]
    assert gain[2] > gain[0] + 0.3, "gains are blue"
    assert loss[0] > loss[2] + 0.3, "losses are red"
    assert nothing[:3] == pytest.approx(nothing[0], abs=0.02)
    assert nothing[0] > 0.95
