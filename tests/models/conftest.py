"""Fixtures that write tiny model directories."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from tiny_models import ModelFactory, Tensors


@pytest.fixture
def models(tmp_path: Path) -> ModelFactory:
    return ModelFactory(tmp_path)


@pytest.fixture
def changed(models: ModelFactory) -> Callable[..., Path]:
    """Returns a writer of a BERT model with a head whose tensors a function changes first."""

    def write(change: Callable[[Tensors], Any], model_type: str = "bert") -> Path:
        hf_config = models.config(model_type)
        tensors = models.tensors(hf_config, classes=3)
        change(tensors)
        return models.write(hf_config, tensors)

    return write
