"""Parts that are measured one after another, as time allows, each written when it is done."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Results:
    """The results so far.

    Attributes:
        path: of the JSON file.
        until: monotonic time after which no part begins.
        shown: characters of a result that are printed.
        results: name → what was found.
    """

    path: Path
    until: float
    shown: int = 300
    results: dict[str, Any] = field(default_factory=dict)

    def note(self, name: str, value: Any) -> None:
        """Adds a result, and writes all of them."""
        self.results[name] = value
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(self.results, indent=1, default=str) + "\n", "utf-8")
        print(f"{name}: {json.dumps(value, default=str)[: self.shown]}", flush=True)

    def do(self, parts: Mapping[str, Callable[[], None]], names: Iterable[str]) -> None:
        """Does the parts of these names; one that fails, or has no time, is a record of that."""
        for name in names:
            if time.monotonic() > self.until:
                self.note(name, "skipped: no time was left")
                continue
            try:
                parts[name]()
            except Exception as error:  # whatever a part meets is its result; the others go on
                self.note(f"{name}_failed", f"{type(error).__name__}: {error}"[:1500])
