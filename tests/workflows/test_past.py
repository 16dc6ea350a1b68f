"""Own past targets: their lines are found in results of any shape, and what does not fit is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.recommendation.candidates import Candidates
from intertrain_jax.recommendation.prior import read_past, standardised
from intertrain_jax.workflows.past import past_of
from intertrain_jax.workflows.recommend import recommend
from tests.searches import Scored, write_models, write_target
from tests.workflows.test_recommend import choose, exported

__all__ = ["exported"]
MODELS = tuple(f"org/m{k}" for k in range(12))
X = standardised(np.arange(12, 0, -1))
CANDIDATES = Candidates("org/pt", MODELS, X, "a ranking")
LINES = {"dishes": (1.0, 2.0), "books": (-1.0, 0.5), "rare": (0.0, 0.0)}


def scores(seeds: int = 3, noise: float = 0.4) -> pd.DataFrame:
    """Scores on lines over the ranking, of models off them by half a point."""
    rng = np.random.default_rng(1)
    rows = []
    for target, (alpha, beta) in LINES.items():
        true = {"PT": 70.0} | {
            name: 70.0 + alpha + beta * x + 0.5 * rng.standard_normal()
            for name, x in zip(MODELS, X, strict=True)
            if target != "rare" or name in MODELS[:3]
        }
        rows += [
            (base, target, seed, value + noise * rng.standard_normal())
            for base, value in true.items()
            for seed in range(seeds)
        ]
    return pd.DataFrame(rows, columns=["base", "target", "seed", "score"])


def test_the_pretrained_model_may_be_called_by_its_name(tmp_path: Path) -> None:
    """Scores in long form and a matrix of scores are read as those that call it PT."""
    runs = scores(seeds=1)
    expected, _ = past_of([_put(tmp_path, "pt.csv", runs)], CANDIDATES, "mine")
    named = runs.replace({"base": {"PT": "org/pt"}})
    wide = named.pivot_table("score", "base", "target", sort=False)
    wide.to_csv(tmp_path / "wide.csv")
    for file in (_put(tmp_path, "named.csv", named), tmp_path / "wide.csv"):
        found, _ = past_of([file], CANDIDATES, "mine")
        assert found.names == expected.names or set(found.names) == set(expected.names)
        np.testing.assert_allclose(sorted(found.alpha), sorted(expected.alpha), rtol=0.2, atol=0.1)


def test_what_is_odd_about_a_table_is_said(tmp_path: Path) -> None:
    runs = scores(seeds=1)
    wide = runs.pivot_table("score", "base", "target", sort=False)
    gains = (wide - wide.loc["PT"]).drop(index="PT") / 100.0
    gains.to_csv(tmp_path / "gains.csv")
    _, said = past_of([tmp_path / "gains.csv"], CANDIDATES, "mine")
    assert any("between -1 and 1" in line for line in said)


def _put(folder: Path, name: str, runs: pd.DataFrame) -> Path:
    runs.to_csv(folder / name, index=False)
    return folder / name


def test_lines_of_own_targets_come_after_the_published_ones(tmp_path: Path) -> None:
    scores().to_csv(tmp_path / "scores.csv", index=False)
    past, said = past_of([tmp_path / "scores.csv"], CANDIDATES, "mine")
    published = read_past()
    assert past.names == (*published.names, "dishes", "books"), "'rare' has three models"
    assert said == [
        f"2 past targets of {tmp_path / 'scores.csv'}: what gains may be here is learnt from them and"
        f" from {len(published.names)} published ones"
    ]
    assert past.noise[-2:] == pytest.approx([0.4, 0.4], rel=0.3)
    assert past.alpha[-2:] * past.noise[-2:] == pytest.approx([1.0, -1.0], abs=0.5)
    assert past.beta[-2:] * past.noise[-2:] == pytest.approx([2.0, 0.5], abs=0.4)
    assert past.tau[-2:] * past.noise[-2:] == pytest.approx([0.5, 0.5], abs=0.25)
    assert past.upper is not None and (past.upper[-2:] <= past.tau[-2:]).all()


def test_the_target_itself_is_none_of_its_past(tmp_path: Path) -> None:
    scores().to_csv(tmp_path / "scores.csv", index=False)
    for name in ("books", "my-books"):
        assert past_of([tmp_path / "scores.csv"], CANDIDATES, name)[0].names[-1] == "dishes"


@pytest.mark.parametrize("seeds", [1, 3])
def test_without_a_ranking_lines_are_level(tmp_path: Path, seeds: int) -> None:
    scores(seeds).to_csv(tmp_path / "scores.csv", index=False)
    flat = Candidates("org/pt", MODELS, np.zeros(12), "no ranking")
    past, _ = past_of([tmp_path / "scores.csv"], flat, "mine")
    assert (past.beta[-2:] == 0).all()
    assert past.alpha[-2:] * past.noise[-2:] == pytest.approx([1.0, -1.0], abs=0.9)
    # All that a ranking would tell is in the models' spread.
    assert past.tau[-2] * past.noise[-2] > 1.5
    if seeds == 1:
        assert past.noise[-2:] == pytest.approx(read_past().usual_noise)


def test_a_matrix_of_gains_will_do_and_several_results_add_up(tmp_path: Path) -> None:
    wide = pd.DataFrame(np.outer(X, [1.0, 2.0]), pd.Index(MODELS, name="base"), ["a", "b"])
    wide.to_csv(tmp_path / "gains.csv")
    scores().to_csv(tmp_path / "scores.csv", index=False)
    past, said = past_of([tmp_path / "gains.csv", tmp_path / "scores.csv"], CANDIDATES, "mine")
    assert past.names[-4:] == ("a", "b", "dishes", "books")
    learnt = [line for line in said if "past target" in line]
    assert len(learnt) == 2 and all("from 36 published ones" in line for line in learnt)
    assert past.beta[-4:-2] * past.noise[-4:-2] == pytest.approx([1.0, 2.0])


def test_results_without_enough_candidates_are_refused(tmp_path: Path) -> None:
    few = scores()
    few[few["base"].isin(["PT", *MODELS[:3]])].to_csv(tmp_path / "few.csv", index=False)
    with pytest.raises(
        IntertrainError, match=r"gains of at least 4 of the 12 candidates .* 'mine'"
    ):
        past_of([tmp_path / "few.csv"], CANDIDATES, "mine")
    with pytest.raises(IntertrainError, match=r"nowhere"):
        past_of([tmp_path / "nowhere"], CANDIDATES, "mine")


def test_a_recommendation_learns_from_an_earlier_one(tmp_path: Path) -> None:
    first = choose(tmp_path)
    again: dict[str, Any] = {"out": tmp_path / "second", "past": [first.out]}
    with pytest.raises(IntertrainError, match="other than 'my-dishes'"):
        choose(tmp_path, **again)
    (tmp_path / "other").mkdir()
    moved = write_target(tmp_path / "other").rename(tmp_path / "soups.csv")
    common: dict[str, Any] = {
        "ranking": tmp_path / "ranking.csv",
        "overrides": [f"data.cache_dir={tmp_path / 'cache'}"],
        "runner": Scored(),
    }
    found = recommend(
        moved,
        pretrained=str(tmp_path / "model"),
        out=tmp_path / "second",
        past=[first.out],
        **common,
    )
    assert any("1 past target of" in line for line in found.said)
    # Over another pretrained model gains are others.
    write_models(tmp_path)
    with pytest.raises(IntertrainError, match=r"gains over the pretrained model .*--pretrained"):
        recommend(
            moved,
            pretrained=str(tmp_path / "m6"),
            out=tmp_path / "third",
            past=[first.out],
            **common,
        )
