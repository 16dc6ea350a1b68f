"""Intertraining: which finetuned model to start from, measured by training many runs at once."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from intertrain_jax.base import IntertrainError
    from intertrain_jax.config.experiment import load_config
    from intertrain_jax.models.api import load_model
    from intertrain_jax.workflows.analyze import analyze
    from intertrain_jax.workflows.doctor import doctor
    from intertrain_jax.workflows.grid import grid
    from intertrain_jax.workflows.plan import plan
    from intertrain_jax.workflows.predict import predict
    from intertrain_jax.workflows.rank import rank
    from intertrain_jax.workflows.reading import results
    from intertrain_jax.workflows.recommend import recommend
    from intertrain_jax.workflows.report import report
    from intertrain_jax.workflows.study import study

__version__ = "0.1.0"
# Name → the module that it comes from, imported on first use: importing the package imports no JAX.
_LAZY = {
    "IntertrainError": "base",
    "analyze": "workflows.analyze",
    "doctor": "workflows.doctor",
    "grid": "workflows.grid",
    "load_config": "config.experiment",
    "load_model": "models.api",
    "plan": "workflows.plan",
    "predict": "workflows.predict",
    "rank": "workflows.rank",
    "recommend": "workflows.recommend",
    "report": "workflows.report",
    "results": "workflows.reading",
    "study": "workflows.study",
}
__all__ = [
    "IntertrainError",
    "__version__",
    "analyze",
    "doctor",
    "grid",
    "load_config",
    "load_model",
    "plan",
    "predict",
    "rank",
    "recommend",
    "report",
    "results",
    "study",
]


def __getattr__(name: str) -> Any:
    """Imports a public name on first use."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)


def __dir__() -> list[str]:
    """Lists the public names too."""
    return sorted({*globals(), *__all__})
