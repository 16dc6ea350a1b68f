"""Which models of a ranking are done: ids by content, learnt no earlier than they are needed."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from intertrain_jax.config.ranking import RankConfig
from intertrain_jax.config.refs import ModelRef
from intertrain_jax.models.hf.references import files_hash
from intertrain_jax.probe.ranker import Outcome
from intertrain_jax.records.probes import probe_id
from intertrain_jax.records.results_dir import ResultsDir
from intertrain_jax.workflows import rank as rank_module
from intertrain_jax.workflows import rank_done
from intertrain_jax.workflows.rank import rank
from tests import rankings
from tests.rankings import fake, write_ranking

NAMES = ("one", "two", "three")


@pytest.fixture
def config(tmp_path: Path) -> RankConfig:
    """A ranking of three models on disk."""
    paths = []
    for name in NAMES:
        paths.append(tmp_path / name)
        paths[-1].mkdir()
        (paths[-1] / "config.json").write_text(f'"{name}"')
    return replace(write_ranking(tmp_path), models=tuple(map(str, paths)), pretrained=None)


@pytest.fixture
def early(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts the models whose files are hashed before any is loaded."""
    hashed: Counter[str] = Counter()

    def noted(reference: str) -> str | None:
        hashed[Path(reference).name] += 1
        return files_hash(reference)

    monkeypatch.setattr(rank_done, "files_hash", noted)
    return hashed


def test_files_of_new_models_are_not_read_before_they_are_loaded(
    config: RankConfig, early: Counter[str]
) -> None:
    engine, _ = fake(config, interrupt_after=2)
    with pytest.raises(KeyboardInterrupt):
        rank(config, runner=engine)
    assert not early
    engine, made = fake(config)
    result = rank(config, runner=engine)
    assert early == {"one": 1, "two": 1}, "of those with records, to see whether they are the same"
    assert [Path(label).name for label in made[0].calls] == ["three"]
    assert len(result.table) == 3
    for (label, identity), record in ResultsDir(config.out_dir).probes.read_all().by_key.items():
        known = ModelRef(label), files_hash(label), "alpha"
        assert identity == probe_id(*known, record.data.fingerprint, record.protocol)


def test_ids_are_of_the_files_that_were_loaded_and_these_are_not_read_again(
    config: RankConfig, early: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = partial(Outcome, files="as they were loaded")
    monkeypatch.setattr(rankings, "Outcome", loaded)
    monkeypatch.setattr(rank_module, "files_hash", lambda reference: pytest.fail(reference))
    engine, _ = fake(config)
    rank(config, runner=engine)
    assert not early
    stored = ResultsDir(config.out_dir).probes.read_all().by_key
    assert len(stored) == 3
    for (label, identity), record in stored.items():
        known = ModelRef(label), "as they were loaded", "alpha"
        assert identity == probe_id(*known, record.data.fingerprint, record.protocol)
