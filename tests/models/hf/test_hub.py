"""Finding models on the hub, with an answer of our own making: there is no network in tests."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.models.hf.hub import base_of, hub_api, hub_models

TAG = "base_model:org/base"


@dataclass
class Listed:
    """A model as the hub's client lists it."""

    id: str
    tags: list[str] | None


class Recorded:
    """A hub that answers what was recorded, and remembers what it was asked."""

    def __init__(self, *models: Listed) -> None:
        self.models = models
        self.asked: dict[str, Any] = {}

    def list_models(self, **asked: Any) -> Iterable[Listed]:
        """Returns the recorded models."""
        self.asked = asked
        return iter(self.models)


ANSWER = (
    Listed("org/first", [TAG, "base_model:finetune:org/base"]),
    Listed("org/lora", [TAG, "base_model:adapter:org/base"]),
    Listed("org/small", [TAG, "base_model:quantized:org/base"]),
    Listed("org/second", None),
    Listed("org/first", [TAG]),
    Listed("org/third", [TAG]),
)


def test_models_come_in_the_hubs_order_without_adapters_and_quantised_copies() -> None:
    hub = Recorded(*ANSWER)
    assert hub_models(TAG, None, hub) == ["org/first", "org/second", "org/third"]
    assert hub.asked == {"filter": TAG, "sort": "downloads", "limit": None}


def test_the_limit_counts_models_that_can_be_used() -> None:
    assert hub_models(TAG, 2, Recorded(*ANSWER)) == ["org/first", "org/second"]


def test_no_models_is_an_error() -> None:
    with pytest.raises(IntertrainError, match="knows no models of the tag 'nothing'"):
        hub_models("nothing", None, Recorded())


def test_a_hub_that_cannot_be_asked_is_an_error_of_one_line() -> None:
    class Broken:
        def list_models(self, **asked: Any) -> Iterable[Listed]:
            raise OSError("no network\nand more")

    with pytest.raises(
        IntertrainError, match=r"could not be asked .*\(no network\); check"
    ) as error:
        hub_models(TAG, None, Broken())
    assert "\n" not in str(error.value)


def test_the_real_client_takes_these_questions() -> None:
    import inspect

    known = inspect.signature(hub_api().list_models).parameters
    assert {"filter", "sort", "limit"} <= known.keys()


@pytest.mark.parametrize(
    ("tag", "base"),
    [
        (TAG, "org/base"),
        ("base_model:finetune:org/base", "org/base"),
        ("text-classification", None),
    ],
)
def test_a_tag_names_the_pretrained_model(tag: str, base: str | None) -> None:
    assert base_of(tag) == base
