"""The page of a study, and its configuration as a file."""

from __future__ import annotations

import yaml

from intertrain_jax.report.study_page import Part, study_page, study_text


def test_a_page_has_a_row_for_every_part() -> None:
    page = study_page(
        "s", (1200, 1199, 1), [Part("a", 1000, 1000, 0), Part("b-8", 300, 299, 1)], ()
    )
    assert page.startswith("# s\n\n1,199 of 1,200 runs done, 1 failed;")
    assert "| [a](a) | 1,000 | 1,000 | 0 |\n| [b-8](b-8) | 300 | 299 | 1 |\n" in page


def test_a_configuration_reads_back_in_its_order() -> None:
    plain = {"name": "s", "study": {"b": {"seeds": 1}, "a": {"seeds": 2}}}
    text = study_text(plain)
    assert text.startswith("# The study of this directory.")
    assert list(yaml.safe_load(text)["study"].items()) == [("b", {"seeds": 1}), ("a", {"seeds": 2})]
