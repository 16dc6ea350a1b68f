"""Names of strangers as parts of paths, as text and inside scripts."""

from __future__ import annotations

import json

from intertrain_jax.site.names import breakable, script_json, short_names, slugs, visible
from tests.boards import HOSTILE


def test_slugs_are_harmless_different_and_the_same_in_any_company() -> None:
    found = slugs(HOSTILE)
    assert len({slug.casefold() for slug in found.values()}) == len(HOSTILE)
    for slug in found.values():
        assert slug.strip(".") == slug and len(slug) < 80
        assert not set(slug) & set('/\\:<>"|?*\n ')
    assert found["a"] == "a" and found["A"] != "a"
    assert not found["CON"].startswith("con.") and found["CON"] != "con"
    assert slugs([HOSTILE[4]])[HOSTILE[4]] == found[HOSTILE[4]]


def test_what_is_not_seen_becomes_a_mark() -> None:
    assert visible("a\u202eb\nc\x1b[0m") == "a\ufffdb\ufffdc\ufffd[0m"
    assert visible("naïve 🙂 日本") == "naïve 🙂 日本"
    assert visible("\ud800") == "?"


def test_names_break_after_what_joins_their_parts() -> None:
    assert breakable("org/a_b-c") == "org/<wbr>a_<wbr>b-<wbr>c"
    assert breakable("<b>_\u202e") == "&lt;b&gt;_<wbr>\ufffd" and breakable("") == ""


def test_json_ends_no_script() -> None:
    text = script_json({"names": HOSTILE})
    assert "<" not in text and ">" not in text and "&" not in text
    assert json.loads(text)["names"] == list(HOSTILE)


def test_no_ranking_lies_among_the_sites_own_files() -> None:
    found = slugs(["assets", "assets-ranking", "Assets"])
    assert "assets" not in found.values() and len(set(found.values())) == 3


def test_folders_that_all_names_share_are_left_out_where_there_is_little_room() -> None:
    names = ["runs/a/models/x", "runs/a/models/y/z", "PT"]
    assert short_names(names) == {names[0]: "…/x", names[1]: "…/y/z", "PT": "PT"}
    for other in (["org/x", "org/y"], ["a/b/c"], ["a/b/c", "d/b/c"], ["a/b/c", "a/d/e"], []):
        assert list(short_names(other).values()) == other
