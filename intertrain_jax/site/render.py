"""Renders boards to files: path inside the site → content, the same for the same boards."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from intertrain_jax.report import numbers
from intertrain_jax.site.board import Board
from intertrain_jax.site.names import breakable, short_names, slugs, visible
from intertrain_jax.site.pages import analysis, compare, findings, home, model, ranking, target

_HERE = Path(__file__).parent
# Pages of a board: file, word in the navigation.
TABS = (
    ("index.html", "Ranking"),
    ("matrix.html", "Matrix"),
    ("compare.html", "Compare"),
    ("analysis.html", "Analysis"),
    ("findings.html", "Findings"),
    ("methods.html", "Methods"),
    ("add.html", "Add a model"),
)


def render(
    boards: Sequence[Board],
    notes: Sequence[str] = (),
    figures: Mapping[str, Mapping[str, bytes]] | None = None,
    refresh: int | None = None,
    date: str | None = None,
) -> dict[str, bytes]:
    """Returns the files of a site.

    Args:
        boards: rankings, each with its own `slug`.
        notes: what is to be known of all of them, such as conflicts.
        figures: slug of a board → name of a figure → SVG.
        refresh: seconds after which the home page and rankings load themselves anew; None never.
        date: to show on the home page, if there is any.
    """
    writer = _Writer(_environment(), refresh)
    for asset in sorted((_HERE / "assets").iterdir()):
        writer.files[f"assets/{asset.name}"] = asset.read_bytes()
    writer.add("home.html", "index.html", root="", **home.page(boards, notes, date))
    places = _by_name(boards)
    for board in boards:
        _render_board(writer, board, (figures or {}).get(board.slug, {}), places)
    return writer.files


class _Writer:
    """Collects rendered pages."""

    def __init__(self, environment: Environment, refresh: int | None) -> None:
        self.files: dict[str, bytes] = {}
        self._environment, self._refresh = environment, refresh

    def add(self, template: str, path: str, **context: Any) -> None:
        page = self._environment.get_template(template)
        text = page.render(path=path, refresh=self._refresh, **context)
        self.files[path] = (text.strip() + "\n").encode()


_Elsewhere = Mapping[tuple[str, str], Sequence[dict[str, Any]]]


def _by_name(boards: Sequence[Board]) -> _Elsewhere:
    """Returns (pretrained model, name) → boards with a page of a model of that name, and its path."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for board in boards:
        paths = slugs(one.name for one in board.models)
        for one in board.models:
            if one.paged:
                path = f"{board.slug}/models/{paths[one.name]}.html"
                place = {"board": board, "model": one, "path": path}
                found.setdefault((board.pretrained, one.name), []).append(place)
    return found


def _render_board(
    writer: _Writer, board: Board, figures: Mapping[str, bytes], places: _Elsewhere
) -> None:
    paths = {
        "models": slugs(one.name for one in board.models),
        "targets": slugs(target.name for target in board.targets),
        "short": short_names(one.name for one in board.models),
    }

    def add(template: str, file: str, context: Mapping[str, Any], root: str = "../") -> None:
        path = f"{board.slug}/{file}"
        here = root.removesuffix("../")
        writer.add(
            template, path, root=root, here=here, board=board, slugs=paths, file=file, tabs=TABS,
            **context,
        )  # fmt: skip

    shown = ranking.page(board)
    add("ranking.html", "index.html", shown)
    add("matrix.html", "matrix.html", shown)
    add("compare.html", "compare.html", compare.page(board))
    add("analysis.html", "analysis.html", analysis.page(board, tuple(sorted(figures))))
    add("findings.html", "findings.html", findings.page(board))
    add("methods.html", "methods.html", {})
    add("add.html", "add.html", {})
    writer.files[f"{board.slug}/ranking.csv"] = ranking.csv(board).encode()
    for name, content in figures.items():
        writer.files[f"{board.slug}/figures/{name}.svg"] = content
    records: dict[str, list[Any]] = {}
    for record in board.records:
        records.setdefault(record.base.label, []).append(record)
    for one in (row for row in board.models if row.paged):
        file = f"models/{paths['models'][one.name]}.html"
        found = model.page(board, one, records.get(one.name, ()), shown["scale"])
        same = places[board.pretrained, one.name]
        found["elsewhere"] = [place for place in same if place["board"] is not board]
        add("model.html", file, found, "../../")
    for column in board.targets:
        file = f"targets/{paths['targets'][column.name]}.html"
        add("target.html", file, target.page(board, column), "../../")


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    filters: dict[str, Callable[..., object]] = {
        "gain": lambda value: numbers.number(value, numbers.GAIN),
        "score": lambda value: numbers.number(value, numbers.SCORE),
        "interval": lambda pair: numbers.interval(pair[0], pair[1], numbers.GAIN),
        "share": numbers.share,
        "count": numbers.count,
        "known": lambda value: not numbers.is_missing(value),
        "breakable": breakable,
        "block": lambda text: Markup("\n").join(escape(visible(x)) for x in text.split("\n")),
    }
    environment.filters.update(filters)
    return environment


def _shown(value: object) -> object:
    """Returns what is about to be written: text without characters that are not seen."""
    return visible(value) if type(value) is str else value
