"""Figures' common ground: fonts, colours, names as plain text, and files that are the same each time."""

from __future__ import annotations

import io
import textwrap
import unicodedata
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intertrain_jax.records.store import write_atomic

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which people with any colour vision can tell apart; black is for text.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
INK, PALE, GRID = "#222222", "#8a8a8a", "#e2e2e2"
LONGEST_NAME = 38
DOTS_PER_INCH = 110
# A letter's mean width in inches, of a point of font size: enough to reserve room for names.
_LETTER = 0.0086
_BELOW_SIZE = 7.5


@contextmanager
def drawing() -> Iterator[None]:
    """Sets what all figures share; figures are made and saved inside."""
    import matplotlib as mpl
    from cycler import cycler

    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rcdefaults()
        mpl.rc("font", family="sans-serif", size=8.0)
        mpl.rc("axes", titlesize=9.0, titlelocation="left", edgecolor=PALE, linewidth=0.6)
        mpl.rc("axes", labelcolor=INK, prop_cycle=cycler(color=COLOURS))
        mpl.rc("xtick", color=INK)
        mpl.rc("ytick", color=INK)
        # A model's name may have a dollar sign.
        mpl.rc("text", color=INK, parse_math=False)
        # Text stays text in an SVG, and its ids do not change from one call to the next.
        mpl.rc("svg", fonttype="none", hashsalt="intertrain_jax")
        # Names may be in scripts that the font lacks: a box is drawn, and the tables have them.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def new_figure(width: float, height: float) -> Figure:
    """Returns a figure of a size in inches, belonging to no window."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    return figure


def place(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Returns new axes at a place in inches from the lower left corner."""
    w, h = figure.get_size_inches()
    return figure.add_axes((left / w, bottom / h, width / w, height / h))


def plain_axes(width: float = 6.4, height: float = 4.2, left: float = 0.62) -> tuple[Figure, Axes]:
    """Returns a figure with one set of axes, a pale grid and no frame above and to the right."""
    figure = new_figure(width, height)
    axes = place(figure, left, 0.52, width - left - 0.2, height - 0.52 - 0.62)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color=GRID, linewidth=0.5)
    axes.set_axisbelow(True)
    return figure, axes


def headline(figure: Figure, title: str, below: str = "") -> None:
    """Writes a title and, below it, an explanation at the top left, in lines that fit."""
    width, height = figure.get_size_inches()
    left = 0.12 / width
    figure.text(left, 1 - 0.08 / height, title, fontsize=9.5, fontweight="bold", va="top")
    figure.text(
        left,
        1 - 0.28 / height,
        "\n".join(lines_of(below, width)),
        fontsize=_BELOW_SIZE,
        color="#555555",
        va="top",
        linespacing=1.25,
    )


def lines_of(text: str, width: float) -> list[str]:
    """Returns an explanation in lines that fit a figure of a width in inches."""
    most = int((width - 0.24) / (_BELOW_SIZE * _LETTER))
    return [line for part in text.split("\n") for line in textwrap.wrap(part, most)]


def save(figure: Figure, folder: Path, name: str) -> None:
    """Writes a figure as PNG and SVG, without dates: the same study gives the same bytes."""
    for suffix, metadata in (("png", {"Software": None}), ("svg", {"Date": None})):
        buffer = io.BytesIO()
        options: dict[str, Any] = {"format": suffix, "metadata": metadata}
        figure.savefig(buffer, dpi=DOTS_PER_INCH, **options)
        write_atomic(folder / f"{name}.{suffix}", buffer.getvalue())


def short(name: str, longest: int = LONGEST_NAME) -> str:
    """Returns a name on one line without control characters, its middle cut out if it is long."""
    clean = "".join(c if unicodedata.category(c)[0] != "C" else "?" for c in str(name))
    if len(clean) <= longest:
        return clean
    end = (longest - 1) // 2
    return f"{clean[: longest - 1 - end]}…{clean[-end:]}"


def room_for(names: Sequence[str], size: float) -> float:
    """Returns the width in inches that the longest of some names takes at a font size."""
    return max((len(name) for name in names), default=0) * size * _LETTER
