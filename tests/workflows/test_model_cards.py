"""Cards of models, as people write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from intertrain_jax.workflows.model_cards import facts_of_card


def card(folder: Path, text: str) -> dict[str, str]:
    (folder / "README.md").write_text(text, "utf-8")
    return facts_of_card(str(folder))


def test_licence_tags_and_languages_are_read_from_the_header(tmp_path: Path) -> None:
    found = card(tmp_path, "---\nlicense: mit\ntags: [nli, 3, x]\nlanguage:\n- en\n- de\n---\nText")
    assert found == {"licence": "mit", "tags": "nli, x", "languages": "en, de"}


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "# A model\nlicense: mit",
            "---\nlicense: mit",
            "---\n- a\n---\n",
            "---\n{a: [\n---\n",
        ),
        *("---\nlicense: {a: b}\ntags: 7\n---\n", "---\nlicense: !!python/name:os.system\n---\n"),
    ],
)
def test_what_is_no_header_says_nothing(tmp_path: Path, text: str) -> None:
    assert card(tmp_path, text) == {}


def test_a_list_without_end_is_cut(tmp_path: Path) -> None:
    tags = "".join(f"- t{k}\n" for k in range(1000))
    assert card(tmp_path, f"---\ntags:\n{tags}---\n")["tags"].count(",") == 29


@pytest.mark.parametrize("name", ["no/such-model", "package:no/folder", "a/b/c", "", "../x", "x y"])
def test_models_without_a_card_here_say_nothing(name: str) -> None:
    assert facts_of_card(name) == {}
