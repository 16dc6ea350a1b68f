"""Finds models on the Hugging Face hub by tag: the one place that asks the hub for a list."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from intertrain_jax.base import IntertrainError

BASE_MODEL = "base_model:"
_KINDS = ("finetune", "adapter", "merge", "quantized")
_UNUSABLE = (f"{BASE_MODEL}adapter:", f"{BASE_MODEL}quantized:")


class HubApi(Protocol):
    """What is asked of the hub's client."""

    def list_models(self, *, filter: str, sort: str, limit: int | None) -> Iterable[Any]:
        """Returns models with an `id` and `tags`."""


def hub_api() -> Any:
    """Returns the hub's client."""
    from huggingface_hub import HfApi

    return HfApi()


def hub_models(query: str, limit: int | None, api: HubApi) -> list[str]:
    """Returns the ids of a tag's models, the most downloaded first.

    Adapters and quantised copies are left out: they are no weights of the architecture.

    Args:
        query: a tag, such as "base_model:FacebookAI/roberta-base".
        limit: at most that many.
        api: the hub, as `hub_api` gives it.

    Raises:
        IntertrainError: the hub cannot be asked, or knows no such models.
    """
    found: list[str] = []
    try:
        for model in api.list_models(filter=query, sort="downloads", limit=None):
            if any(tag.startswith(_UNUSABLE) for tag in model.tags or ()):
                continue
            if model.id not in found:
                found.append(model.id)
            if limit is not None and len(found) == limit:
                break
    except Exception as error:  # the client raises its own errors and those of its HTTP stack
        reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
        raise IntertrainError(
            f"The hub could not be asked for models of {query!r} ({reason}); check the network, or"
            " give a list: --models FILE."
        ) from error
    if not found:
        raise IntertrainError(
            f"The hub knows no models of the tag {query!r}; correct it, for example"
            f" {BASE_MODEL}FacebookAI/roberta-base."
        )
    return found


def base_of(query: str) -> str | None:
    """Returns the pretrained model that a tag names, if it names one."""
    if not query.startswith(BASE_MODEL):
        return None
    name = query.removeprefix(BASE_MODEL)
    kind, colon, rest = name.partition(":")
    return rest if colon and kind in _KINDS else name
