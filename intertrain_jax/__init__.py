"""Intertraining: which finetuned model to start from, measured by training many runs at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from intertrain_jax.models.api import load_model

__version__ = "0.1.0"
__all__ = ["__version__", "load_model"]


def __getattr__(name: str) -> Any:
    """Loads the model entry on first use, so that importing the package does not import JAX."""
    if name == "load_model":
        from intertrain_jax.models.api import load_model

        return load_model
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
