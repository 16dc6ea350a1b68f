"""The page of a study, its verdicts and figures as files, and its configuration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from intertrain_jax.claims import Verdict
from intertrain_jax.report.study_page import Part, study_page, study_text, write_study

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PARTS = [Part("a", 1000, 1000, 0), Part("b-8", 300, 299, 1)]
COUNTS = (1200, 1199, 1)


def draw(axes: Axes) -> None:
    axes.plot([0, 1], [1, 0])


def verdicts() -> tuple[Verdict, ...]:
    numbers = {"gain": 1.5, "low": float("nan"), "n": 3}
    return (
        Verdict(
            "helps", "It helps", "It does (Fig. 1).", "+1.5 points, n 3.", "shows", numbers, draw
        ),
        Verdict("more", "More", "More (Fig. 3).", "", "not computed: no sizes", {}, None),
    )


def test_a_page_has_a_row_for_every_part_and_a_section_for_every_claim() -> None:
    page = study_page("s", COUNTS, PARTS, verdicts(), {"helps"})
    assert page.startswith("# s\n\n1,199 of 1,200 runs done, 1 failed;")
    assert "| [a](a) | 1,000 | 1,000 | 0 |\n| [b-8](b-8) | 300 | 299 | 1 |\n" in page
    assert "| [It helps](#helps) | shows |\n| [More](#more) | not computed |\n" in page
    assert "The paper: It does (Fig. 1).\n\n**Shows.** +1.5 points, n 3.\n" in page
    assert "**Not computed.** no sizes" in page
    assert page.count("![") == 1 and "](analysis/figures/helps.png)" in page
    assert "## Claims" not in study_page("s", COUNTS, PARTS, ())


def test_files_are_the_same_each_time_and_a_figure_that_is_none_has_no_file(tmp_path: Path) -> None:
    def written() -> dict[str, bytes]:
        return {
            path.relative_to(tmp_path).as_posix(): path.read_bytes()
            for path in tmp_path.rglob("*")
            if path.is_file()
        }

    stale = tmp_path / "analysis" / "figures" / "more.png"
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"of an earlier time")
    write_study(tmp_path, "s", COUNTS, PARTS, verdicts())
    first = written()
    figures = {f"analysis/figures/helps.{suffix}" for suffix in ("png", "svg")}
    assert first.keys() == {"README.md", "analysis/verdicts.json", *figures}
    found = json.loads(first["analysis/verdicts.json"])
    assert [x["claim"] for x in found] == ["helps", "more"]
    assert found[0]["numbers"] == {"gain": 1.5, "low": None, "n": 3} and "figure" not in found[0]
    write_study(tmp_path, "s", COUNTS, PARTS, verdicts())
    assert written() == first


def test_a_configuration_reads_back_in_its_order() -> None:
    plain = {"name": "s", "study": {"b": {"seeds": 1}, "a": {"seeds": 2}}}
    text = study_text(plain)
    assert text.startswith("# The study of this directory.")
    assert list(yaml.safe_load(text)["study"].items()) == [("b", {"seeds": 1}), ("a", {"seeds": 2})]
