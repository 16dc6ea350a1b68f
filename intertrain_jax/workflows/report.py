"""Makes the ranking site from results directories and published tables."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from intertrain_jax.base import IntertrainError, counted
from intertrain_jax.config.formats import is_file
from intertrain_jax.report.figures import write_figures
from intertrain_jax.site.board import Board, conflicts
from intertrain_jax.site.names import slugs
from intertrain_jax.site.render import render
from intertrain_jax.site.writing import Written, write_site
from intertrain_jax.workflows.boards import Source, boards_of

# Figures of more models than this cannot be read, and take long.
_MOST_DRAWN = 60


@dataclass(frozen=True)
class Site:
    """A site that was written.

    Attributes:
        folder: that it lies in.
        boards: its rankings.
        notes: conflicts between its inputs.
        written: what writing did.
    """

    folder: Path
    boards: tuple[Board, ...]
    notes: tuple[str, ...]
    written: Written

    @property
    def index(self) -> Path:
        """The page to open."""
        return self.folder / "index.html"

    def __repr__(self) -> str:
        """Says what to open."""
        return (
            f"{counted(len(self.boards), 'ranking')}, {self.written.files:,} files,"
            f" {self.written.changed:,} of them new or changed. Open {self.index}"
        )


def report(
    *sources: Source,
    out: str | Path,
    figures: bool = True,
    refresh: int | None = None,
    date: str | None = None,
) -> Site:
    """Writes a static site of rankings: pages that open from a folder, and ask nothing of a network.

    Args:
        sources: grids, rankings, their directories, or published tables. Each makes a ranking, but that
            grids of one experiment make one, and that probes of a grid's models join it.
        out: folder of the site: new, empty, or of an earlier report.
        figures: whether to draw the figures of studies of few models.
        refresh: seconds after which pages load themselves anew, and say what is running; None never.
        date: as of which the home page is; None takes the day of the last run, which records say, so
            that the same inputs give the same bytes.

    Raises:
        IntertrainError: there is nothing to show, or the folder holds something else.
    """
    if not sources:
        raise IntertrainError("report needs RESULTS: a results directory, or a table. Name one.")
    made, apart = boards_of(sources, live=refresh is not None)
    named = slugs(board.title for board in made)
    notes = [*apart, *conflicts([(b.title, {r.id: r for r in b.records}) for b in made])]
    boards = tuple(
        replace(
            board,
            slug=named[board.title],
            conflicts=(*board.conflicts, *(note for note in notes if f" in {board.title}" in note)),
        )
        for board in made
    )
    notes += [text for board in made for text in board.conflicts]
    drawn = {board.slug: _figures(board) for board in boards} if figures else {}
    files = render(boards, notes, drawn, refresh, date)
    return Site(Path(out), boards, tuple(notes), write_site(Path(out), files))


def default_folder(source: str | Path) -> Path:
    """Returns where a report goes that no folder is named for: beside what it is of."""
    path = Path(source)
    return path.with_name(f"{path.stem if is_file(path) else path.name}-report")


def watched(
    sources: Sequence[Source],
    out: Path,
    figures: bool,
    seconds: float | None,
    date: str | None = None,
) -> Iterator[str]:
    """Yields a line each time that the site has changed, for ever.

    Args:
        sources, out, figures, date: of `report`.
        seconds: between two looks; None looks never, and only waits.
    """
    while True:
        time.sleep(seconds or 3600)
        if seconds is None:
            continue
        try:
            site = report(*sources, out=out, figures=figures, refresh=round(seconds), date=date)
        except IntertrainError as error:
            # Results that are about to be written are there at the next look.
            yield f"not renewed: {error}"
            continue
        if site.written.changed or site.written.removed:
            yield f"{site.written.changed:,} pages renewed"


def _figures(board: Board) -> dict[str, bytes]:
    """Returns the paper's figures of a board of few models as SVG."""
    if board.result is None or board.tested > _MOST_DRAWN:
        return {}
    with tempfile.TemporaryDirectory() as scratch:
        write_figures(Path(scratch), board.result)
        return {file.stem: file.read_bytes() for file in sorted(Path(scratch).glob("*.svg"))}
