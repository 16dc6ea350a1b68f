"""Whatever feeds a loop has all that the loop asks for, under the same names."""

from __future__ import annotations

import inspect

import pytest

from intertrain_jax.cluster.mailbox import Mailbox
from intertrain_jax.engine.books import Books
from intertrain_jax.engine.checkpoint import Checkpoints
from intertrain_jax.engine.feed import Feed, Weights


@pytest.mark.parametrize(
    ("kind", "protocol"),
    [(Books, Feed), (Mailbox, Feed), (Checkpoints, Weights), (Mailbox, Weights)],
)
def test_a_loop_can_be_fed_by(kind: type, protocol: type) -> None:
    asked = {name: thing for name, thing in vars(protocol).items() if not name.startswith("_")}
    assert len(asked) > 4
    for name, thing in asked.items():
        if inspect.isfunction(thing):
            wanted = list(inspect.signature(thing).parameters)
            assert list(inspect.signature(getattr(kind, name)).parameters) == wanted, name
        elif name != "weights" or kind is not Books:
            assert isinstance(getattr(kind, name), property), name
