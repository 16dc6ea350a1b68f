"""A study of gains: what is analysed, its statistics, and its result.

Called, it does a study of several grids, as `intertrain_jax.study(...)`.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any


class _Callable(ModuleType):
    """This package under the name that the public function has too, whichever is imported first."""

    def __call__(self, config: Any, **options: Any) -> Any:
        workflow = importlib.import_module("intertrain_jax.workflows.study")
        return workflow.study(config, **options)


sys.modules[__name__].__class__ = _Callable
