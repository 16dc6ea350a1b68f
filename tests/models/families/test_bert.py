"""BERT: its head reads a pooler, which a file may lack and which is then always the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from intertrain_jax.models.families.bert import FAMILY, fresh_pooler
from intertrain_jax.models.heads import init_head
from intertrain_jax.models.hf.weights import load_checkpoint
from tests.models.tiny_models import CONFIGS, ModelFactory

CONFIG: Any = FAMILY.config(CONFIGS["bert"], "m")


def test_a_file_without_a_pooler_gets_the_same_one_every_time(tmp_path: Path) -> None:
    factory = ModelFactory(tmp_path)
    tensors = factory.tensors(CONFIGS["bert"])
    bare = {name: x for name, x in tensors.items() if "pooler" not in name}
    assert len(tensors) - len(bare) == 2
    first, again = (load_checkpoint(str(factory.write(CONFIGS["bert"], bare))) for _ in range(2))
    assert first.fingerprint == again.fingerprint
    np.testing.assert_array_equal(
        first.params["pooler"]["kernel"], fresh_pooler(CONFIG)["pooler"]["kernel"]
    )
    assert [path for path, _ in first.report.initialised] == ["pooler"]
    whole = load_checkpoint(str(factory.write(CONFIGS["bert"], tensors)))
    np.testing.assert_array_equal(
        whole.params["pooler"]["kernel"], tensors["bert.pooler.dense.weight"].T
    )


def test_a_fresh_pooler_is_no_runs_own() -> None:
    """It is part of the base model; seeds draw heads, which have other numbers."""
    wide: Any = FAMILY.config({**CONFIGS["bert"], "hidden_size": 300}, "m")
    kernel = fresh_pooler(wide)["pooler"]["kernel"]
    assert kernel.shape == (300, 300) and np.std(kernel) == pytest.approx(0.02, rel=0.02)
    head = init_head(wide, 300, 0)["out"]["kernel"]
    assert not np.array_equal(kernel, head)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("cls.predictions.bias", "language-modelling head"),
        ("cls.seq_relationship.weight", "next-sentence head"),
        ("bert.embeddings.position_ids", "position numbers"),
        ("bert.embeddings.token_type_ids", "zeros"),
    ],
)
def test_what_pretraining_leaves_is_ignored_and_said(tmp_path: Path, name: str, why: str) -> None:
    factory = ModelFactory(tmp_path)
    tensors = {**factory.tensors(CONFIGS["bert"]), name: np.zeros(3, np.float32)}
    report = load_checkpoint(str(factory.write(CONFIGS["bert"], tensors))).report
    ((found, reason),) = report.ignored
    assert found == name and why in reason
