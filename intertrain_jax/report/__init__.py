"""Results for people to look at.

Called, it makes the ranking site, as `intertrain_jax.report(...)`.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any


class _Callable(ModuleType):
    """This package under the name that the public function has too, whichever is imported first."""

    def __call__(self, *sources: Any, **options: Any) -> Any:
        workflow = importlib.import_module("intertrain_jax.workflows.report")
        return workflow.report(*sources, **options)


sys.modules[__name__].__class__ = _Callable
