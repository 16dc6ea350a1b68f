"""Tests of what a recommendation chooses from."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.refs import read_model_list
from intertrain_jax.recommendation.candidates import candidates_of

_RANKING = """rank,model,status,score,gain,same_weights_as
1,org/best,done,60.0,5.0,
2,org/copy,done,60.0,5.0,org/best
3,'-org/odd,done,58.0,3.0,
4,org/base,done,55.0,0.0,
5,org/worst,done,50.0,-5.0,
,org/gone,failed,,,
"""


@pytest.mark.parametrize(("name", "listed"), [("roberta", "roberta-66"), ("t5", "t5-25")])
def test_built_in_rankings_have_the_models_of_the_papers_lists(name: str, listed: str) -> None:
    found, wanted = candidates_of(name), read_model_list(listed)
    assert sorted(found.models) == sorted(wanted.models)
    assert found.pretrained == wanted.pretrained
    assert (np.diff(found.x) <= 0).all()
    assert found.x.mean() == pytest.approx(0.0, abs=1e-12)
    assert found.x.std() == pytest.approx(1.0)
    assert "appendix E" in found.origin


def test_the_best_of_the_papers_tables() -> None:
    """Table 4 by its probe, table 5 by its average gain."""
    assert candidates_of("roberta").models[:3] == (
        "textattack/roberta-base-MNLI",
        "cross-encoder/nli-roberta-base",
        "facebook/muppet-roberta-base",
    )
    assert candidates_of("t5").models[0] == "hetpandya/t5-small-quora"


def test_a_ranking_that_rank_wrote(tmp_path: Path) -> None:
    """Failed models and copies are left out and said; the pretrained model is no candidate."""
    file = tmp_path / "ranking.csv"
    file.write_text(_RANKING, "utf-8")
    (tmp_path / "rank.yaml").write_text(
        "task: mnli\nmodels: [org/best]\npretrained: org/base\n", "utf-8"
    )
    for where in (file, tmp_path):
        found = candidates_of(str(where), ["org/new", "org/best"])
        assert found.models == ("org/best", "-org/odd", "org/new", "org/worst")
        assert found.pretrained == "org/base"
        scores = np.array([60.0, 58.0, 50.0])
        expected = (scores - scores.mean()) / scores.std()
        np.testing.assert_allclose(found.x, [expected[0], expected[1], 0.0, expected[2]])
        assert found.notes == (
            "1 models of the ranking have no score and are left out: org/gone",
            "1 models of the ranking have the weights of others: org/copy",
        )


def test_models_without_a_ranking_are_alike(tmp_path: Path) -> None:
    """A directory written in two ways is one model; the pretrained one is none of them."""
    (tmp_path / "mine").mkdir()
    mine = str(tmp_path / "mine")
    found = candidates_of(None, ["org/a", mine, f"{tmp_path}/./mine", "org/base"], "org/base")
    assert found.models == ("org/a", mine)
    assert found.x.tolist() == [0.0, 0.0]


def test_what_rank_writes_is_what_is_read(tmp_path: Path) -> None:
    """Names that look like formulas come back as they were."""
    from intertrain_jax.records.csv_text import csv_text

    table = pd.DataFrame({"model": ["=org/a", "org/b"], "score": [1.0, math.nan]})
    (tmp_path / "ranking.csv").write_text(csv_text(table), "utf-8")
    assert candidates_of(tmp_path, pretrained="org/base").models == ("=org/a",)


def test_a_ranking_may_be_written_by_a_spreadsheet(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_bytes(
        "\ufeffModel;Score\r\norg/a;49,5\r\norg/b;51,25\r\norg/c;n/a\r\norg/a;49,5\r\n".encode()
    )
    found = candidates_of(tmp_path / "mine.csv", pretrained="org/base")
    assert found.models == ("org/b", "org/a")
    assert found.notes == ("1 models of the ranking have no score and are left out: org/c",)


@pytest.mark.parametrize(
    ("ranking", "models", "pretrained", "said"),
    [
        ("robreta", (), None, "'robreta' is neither .* Did you mean 'roberta'.* rank"),
        ("~nobody-of-this-name/x.csv", (), None, "is neither one that comes with the package"),
        (None, ("org/a",), None, "Name it: --pretrained"),
        (None, ("org/base",), "org/base", "no model to choose from .* --model"),
        (None, (), "org/base", "no model to choose from .* --ranking"),
        ("text.csv", (), "org/base", "must be a CSV file with the columns model and score"),
        ("words.csv", (), "org/base", "line 2: score must be a number or empty, got 'good'"),
        ("twice.csv", (), "org/base", "line 4: model 'org/a' has score 0.5, and 60 above"),
    ],
)
def test_what_cannot_be_chosen_from_is_an_error(
    ranking: str | None,
    models: tuple[str, ...],
    pretrained: str | None,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text.csv").write_text("text,label\na,b\n", "utf-8")
    Path("words.csv").write_text("model,score\norg/a,good\n", "utf-8")
    Path("twice.csv").write_text("model,score\norg/a,60\norg/b,55\norg/a,0.5\n", "utf-8")
    with pytest.raises(IntertrainError, match=said):
        candidates_of(ranking, models, pretrained)
