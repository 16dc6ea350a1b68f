"""What turned the names of an experiment or a ranking into content, as its directory keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from intertrain_jax.base import printable
from intertrain_jax.config.protocol import Precision
from intertrain_jax.config.refs import ModelRef, is_directory


@dataclass(frozen=True)
class Resolution:
    """What turns names into content; whatever is not known yet is None.

    Attributes:
        model_fingerprints: model's label → fingerprint of its weights and tokenizer.
        data_fingerprints: task name → fingerprint of its data.
        precision: "float32" or "bfloat16" where the protocol says "auto".
        revisions: label of a model off the hub → the commit that was loaded at its first use, and is
            kept to.
    """

    model_fingerprints: dict[str, str | None] = field(default_factory=dict)
    data_fingerprints: dict[str, str | None] = field(default_factory=dict)
    precision: Precision | None = None
    revisions: dict[str, str] = field(default_factory=dict)

    def pinned(self, ref: ModelRef) -> ModelRef:
        """Returns a model with the commit of its first use."""
        # What was on the hub may be a directory now.
        commit = None if is_directory(ref.reference) else self.revisions.get(ref.label)
        return replace(ref, commit=commit)

    def with_(self, later: Resolution) -> Resolution:
        """Returns what this one and a later one know; the later one counts where both do."""
        return Resolution(
            {**self.model_fingerprints, **later.model_fingerprints},
            {**self.data_fingerprints, **later.data_fingerprints},
            later.precision or self.precision,
            {**self.revisions, **later.revisions},
        )

    def difference(self, now: Resolution) -> str | None:
        """Returns what of the same models and tasks is known to be other content now, in words."""
        both: list[tuple[str, Mapping[str, str | None], Mapping[str, str | None]]] = [
            ("model", self.model_fingerprints, now.model_fingerprints),
            ("data of task", self.data_fingerprints, now.data_fingerprints),
        ]
        for noun, old, new in both:
            for name in sorted(old.keys() & new.keys()):
                if None not in (old[name], new[name]) and old[name] != new[name]:
                    had = printable(str(old[name]))  # by a file that others may have written
                    return (
                        f"{noun} {name!r} has fingerprint {new[name]}, there it had {had}. Choose"
                        " another --out, or restore what it was."
                    )
        if None not in (self.precision, now.precision) and self.precision != now.precision:
            return (
                f"'protocol.precision' was resolved to {self.precision}, here it is {now.precision}."
                f" Choose another --out, or --set protocol.precision={self.precision} in a new one."
            )
        return None
