"""Plans from Python: no network, no data, no JAX."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import intertrain_jax as ij
from intertrain_jax.base import IntertrainError
from intertrain_jax.planning.rates import keep_rate


def test_a_plan_counts_runs_and_costs() -> None:
    planned = ij.plan("paper/inhouse-roberta")
    assert len(planned.plan.runs) == 2530
    assert planned.cost.gpu_hours is not None and planned.cost.gpu_hours > 1
    assert repr(planned).splitlines()[0].startswith("inhouse-roberta: 2,530 runs")


def test_options_and_overrides_change_the_experiment() -> None:
    planned = ij.plan(
        "quickstart", seeds=2, overrides={"targets": ["dishes"], "protocol.epochs": 3}
    )
    assert planned.config.seeds == 2 and planned.config.protocol.epochs == 3
    assert planned.plan.targets == ("dishes",)
    again = ij.plan(planned.config, seeds=1)
    assert again.config.targets == ("dishes",) and again.plan.seeds == 1


def test_an_option_that_is_none_is_named() -> None:
    with pytest.raises(IntertrainError, match=r"'sedes' is no option .* Did you mean 'seeds'"):
        ij.plan("quickstart", sedes=3)  # type: ignore[call-arg]


def test_what_a_grid_achieved_here_is_what_the_next_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where no results are, whose runs would be done
    before = ij.plan("quickstart")
    assert before.cost.cpu_hours is not None and "(two cores)" in repr(before)
    assert 1.5 < before.cost.cpu_hours * 60 < 6  # three minutes
    keep_rate(172_032, before.cost.flops or 0.0, 7_200.0)
    after = ij.plan("quickstart")
    assert after.cost.cpu_hours == pytest.approx(2.0) and "as the last grid here took" in repr(
        after
    )


def test_a_data_directory_that_is_not_there_is_said(tmp_path: Path) -> None:
    """A grid may be planned where its data are not, but its sizes are then no measured ones."""
    here = repr(ij.plan("real-small", data_dir=str(tmp_path)))
    there = repr(ij.plan("real-small", data_dir=str(tmp_path / "nowhere")))
    assert "is not here" not in here
    assert there.count(f"data directory {str(tmp_path / 'nowhere')!r} is not here") == 1


def test_planning_imports_no_jax() -> None:
    code = "import sys, intertrain_jax as ij; ij.plan('quickstart'); sys.exit('jax' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
