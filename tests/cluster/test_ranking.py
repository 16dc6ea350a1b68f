"""Which models are probed together, and what a worker's death costs them."""

from __future__ import annotations

from intertrain_jax.cluster.ranking import Groups
from intertrain_jax.config.refs import ModelRef

REFS = [ModelRef(f"m{k}") for k in range(5)]


def taken(groups: Groups) -> list[tuple[str, ...]]:
    found = []
    while (group := groups.take()) is not None:
        found.append(tuple(ref.reference for ref in group))
    return found


def test_models_are_handed_out_in_groups() -> None:
    assert taken(Groups(REFS, 2)) == [("m0", "m1"), ("m2", "m3"), ("m4",)]


def test_only_the_model_that_kills_workers_fails() -> None:
    groups, failed, probed = Groups(REFS, 3), [], []
    while (group := groups.take()) is not None:
        if REFS[1] in group:
            failed += groups.died(group)
        else:
            probed += group
    assert failed == [REFS[1]]
    assert sorted(probed, key=REFS.index) == [ref for ref in REFS if ref != REFS[1]]
