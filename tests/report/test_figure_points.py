"""Models as points: what is drawn where, and which of many names are written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection

from intertrain_jax.report import figure_points as fp
from intertrain_jax.report.canvas import drawing
from intertrain_jax.report.numbers import share
from intertrain_jax.stats.lines import fit_line, predict
from intertrain_jax.stats.sizes import SizeCurve, SizePoint
from intertrain_jax.study.statistics.size_curves import NamedCurve

AXES = ("probe", "gain")


def drawn(draw: Callable[..., Any], *arguments: Any) -> Any:
    """Returns a figure, with the title "Title" and the text "Below." at its top."""
    with drawing():
        figure = draw("Title", "Below.", *arguments)
        head = [text.get_text() for text in figure.texts]
        assert head[0] == "Title" and head[1].startswith("Below.")
        return figure


def points_of(axes: Any) -> list[list[float]]:
    """Returns the coordinates of all points of all scatters."""
    scatters = [c for c in axes.collections if isinstance(c, PathCollection)]
    return [[float(x), float(y)] for scatter in scatters for x, y in scatter.get_offsets()]


def texts_of(axes: Any) -> list[str]:
    return [text.get_text() for text in axes.texts]


def probe(x: list[float], y: list[float], names: list[str] | None = None) -> Any:
    names = names or [f"m{k}" for k in range(len(x))]
    line = fit_line(x, y)
    return drawn(fp.draw_probe, names, np.array(x), np.array(y), line, AXES).axes[0]


def test_a_probe_has_a_point_per_pair_and_its_line() -> None:
    x, y = [1.0, 2.0, 3.0, np.nan, 7.0], [0.5, 1.5, 1.0, 9.0, 4.0]
    axes = probe(x, y)
    assert points_of(axes)[:4] == [[1.0, 0.5], [2.0, 1.5], [3.0, 1.0], [7.0, 4.0]]
    assert "m3" not in texts_of(axes) and "m4" in texts_of(axes)
    assert (axes.get_xlabel(), axes.get_ylabel()) == AXES
    line = fit_line(x, y)
    across, said = (np.asarray(v) for v in axes.lines[-1].get_data())
    np.testing.assert_allclose(said, line.intercept + line.slope * across)
    assert (across.min(), across.max()) == (1.0, 7.0)
    # The band is the interval of the line itself.
    band = np.vstack([path.vertices for path in axes.collections[-1].get_paths()])
    at_end = band[np.isclose(band[:, 0], 7.0), 1]
    expected = predict(line, 7.0)
    assert (at_end.min(), at_end.max()) == pytest.approx((expected.mean_low, expected.mean_high))


def test_points_without_a_line_have_none() -> None:
    axes = probe([2.0, 2.0, 2.0], [1.0, 2.0, 3.0])
    assert len(axes.lines) == 1, "only the line of no gain"
    assert len(points_of(axes)) == 3
    assert points_of(probe([np.nan], [1.0])) == []


def test_names_cover_no_point_and_no_other_name() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 300))
    axes = probe(list(x), list(y), [f"organisation/model-{k}" for k in range(300)])
    written = axes.texts
    assert 3 < len(written) <= 24
    with drawing():
        axes.figure.canvas.draw()
        boxes = [text.get_window_extent() for text in written]
    places = axes.transData.transform(np.column_stack([x, y]))
    for k, box in enumerate(boxes):
        # The room that is kept is of a mean letter: a name may be some dots wider.
        inner = box.shrunk(0.8, 0.5)
        inside = (places > [inner.x0, inner.y0]) & (places < [inner.x1, inner.y1])
        assert not inside.all(axis=1).any(), written[k].get_text()
        assert not any(inner.overlaps(other.shrunk(0.8, 0.5)) for other in boxes[k + 1 :])


def test_the_farthest_from_the_line_is_named_first() -> None:
    x = [float(k) for k in range(12)]
    y = [*x[:5], 40.0, *x[6:]]
    assert texts_of(probe(x, y))[0] == "m5"


def test_source_scores_are_from_the_mean_of_their_source() -> None:
    points = pd.DataFrame(
        {
            "base": ["a", "a", "b", "b"],
            "source_score": [70.0, 74.0, 20.0, 21.0],
            "average": [1.0, 3.0, 50.0, 40.0],
        }
    )
    axes = drawn(fp.draw_source_scores, points).axes[0]
    assert points_of(axes) == [[-2.0, -1.0], [2.0, 1.0], [-0.5, 5.0], [0.5, -5.0]]
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["a", "b"]


def ranked(models: int) -> pd.DataFrame:
    ranks = np.arange(1.0, models + 1)
    return pd.DataFrame(
        {
            "base": [f"m{models - 1 - k}" for k in range(models)],
            "average": 9.0 - ranks,
            "low": 8.5 - ranks,
            "high": 9.5 - ranks,
            "rank": ranks,
            "rank_low": np.maximum(ranks - 1, 1),
            "rank_high": np.minimum(ranks + 1, models),
            "best": [0.93, 0.07, *[0.0] * (models - 2)],
            "top3": [1.0, 0.99, *[0.5] * (models - 2)],
        }
    )


def test_ranks_stand_from_the_best_down_with_their_intervals() -> None:
    models = ranked(4).iloc[::-1]
    models.loc[len(models)] = {"base": "unranked", "rank": np.nan}
    gain, rank = drawn(fp.draw_ranks, models, "seeds").axes
    assert [label.get_text() for label in gain.get_yticklabels()] == ["m3", "m2", "m1", "m0"]
    assert gain.get_ylim()[0] > gain.get_ylim()[1], "the first is at the top"
    assert gain.get_xlabel() == "average gain in points, interval over seeds"
    for axes, name in ((gain, "average"), (rank, "rank")):
        ends = ("low", "high") if name == "average" else ("rank_low", "rank_high")
        spans = [path.vertices for path in axes.collections[0].get_paths()]
        expected = ranked(4)[list(ends)].to_numpy()
        np.testing.assert_allclose([span[:, 0] for span in spans], expected)
        middle = points_of(axes)[-4:]
        assert middle == [[v, float(k)] for k, v in enumerate(ranked(4)[name])]
    shares = [share(p) for p in ranked(4)[["best", "top3"]].to_numpy().ravel()]
    assert texts_of(rank) == [*shares, "P(best)", "P(top 3)"]


def test_of_many_ranks_the_best_are_drawn_and_it_says_so() -> None:
    figure = drawn(fp.draw_ranks, ranked(fp.MOST_RANKED + 5), "targets")
    assert len(figure.axes[0].get_yticklabels()) == fp.MOST_RANKED
    said = f"The {fp.MOST_RANKED} best of {fp.MOST_RANKED + 5}."
    assert said in " ".join(figure.texts[1].get_text().split())
    whole = drawn(fp.draw_ranks, ranked(fp.MOST_RANKED), "targets")
    assert "best of" not in whole.texts[1].get_text()


def test_residuals_name_the_cell_farthest_from_the_fit() -> None:
    rng = np.random.default_rng(1)
    names = [f"base{k}" for k in range(15)]
    fitted = pd.DataFrame(rng.normal(size=(15, 4)), names, list("wxyz"))
    gains = fitted + 0.01 * rng.normal(size=(15, 4))
    gains.loc["base2", "y"] += 8.0
    gains.loc["base0", "w"] = np.nan
    axes = drawn(fp.draw_residuals, gains, fitted).axes[0]
    assert len(points_of(axes)) == 59
    assert texts_of(axes)[0] == "base2 → y"
    diagonal = np.array(axes.lines[0].get_data())
    np.testing.assert_array_equal(diagonal[0], diagonal[1])
    assert len(texts_of(axes)) <= 10


def curve(name: str, sizes: tuple[int, ...], fixed: int | None = None) -> NamedCurve:
    points = tuple(SizePoint(s, 2, k + 0.5, float(k), k + 1.0) for k, s in enumerate(sizes))
    return NamedCurve("target", name, fixed, SizeCurve(points, ("u", "v"), ()))


def test_curves_are_lines_over_sizes_with_intervals_where_they_are_few() -> None:
    curves = [curve("rte", (100, 1000)), curve("cola", (100, 1000, 5000), fixed=2490)]
    axes = drawn(fp.draw_curves, curves).axes[0]
    lines = {line.get_label(): np.array(line.get_data()).T.tolist() for line in axes.lines[:2]}
    assert lines == {
        "rte": [[100, 0.5], [1000, 1.5]],
        "cola (2,490)": [[100, 0.5], [1000, 1.5], [5000, 2.5]],
    }
    assert axes.get_xscale() == "log"
    assert [t.get_text() for t in axes.get_xticklabels()] == ["100", "1,000", "5,000"]
    assert len(axes.collections) == 2
    assert len(drawn(fp.draw_curves, curves * 3).axes[0].collections) == 0


def test_train_sizes_have_a_panel_per_measure() -> None:
    rows = pd.DataFrame(
        {
            "panel": ["sources", "sources", "targets"],
            "name": ["rte", "mnli", "cola"],
            "size": [2490, 392_702, 8551],
            "value": [1.0, 4.0, -2.0],
        }
    )
    sources, targets = drawn(fp.draw_sizes, rows).axes
    assert (sources.get_title("left"), targets.get_title("left")) == ("sources", "targets")
    assert points_of(sources) == [[2490.0, 1.0], [392_702.0, 4.0]]
    assert points_of(targets) == [[8551.0, -2.0]]
    assert set(texts_of(sources)) == {"rte", "mnli"}
    said = sources.xaxis.get_major_formatter()
    assert [said(size, 0) for size in (100, 1000, 25_000, 2e6)] == ["100", "1k", "25k", "2M"]
