"""The seam: what stands for the devices has the calls of a runner, and the real one passes them on."""

from __future__ import annotations

import inspect
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.cluster.runner import Workers
from intertrain_jax.config.experiment import EngineConfig
from intertrain_jax.config.protocol import Protocol
from intertrain_jax.config.ranking import RankConfig
from intertrain_jax.config.refs import ModelRef
from intertrain_jax.data.load import load_task
from intertrain_jax.data.tasks import get_task
from intertrain_jax.planning.work import Bases
from intertrain_jax.workflows.runner import Devices, RankingRun, Runner
from tests.experiments import FakeBases, FakeEngine, write_tokenizer
from tests.models.tiny_models import ModelFactory
from tests.rankings import TASK, FakeRanking, FakeRunner, write_ranking


def calls_of(protocol: type) -> dict[str, inspect.Signature]:
    """Returns the methods that a protocol asks for."""
    return {
        name: inspect.signature(member)
        for name, member in vars(protocol).items()
        if inspect.isfunction(member) and not name.startswith("_")
    }


@pytest.fixture
def devices(monkeypatch: pytest.MonkeyPatch) -> Devices:
    """This process's devices, which are left as they are."""
    prepared: list[int] = []
    monkeypatch.setattr(
        "intertrain_jax.engine.environment.prepare_process", lambda: prepared.append(1)
    )
    made = Devices()
    assert prepared == [1]
    return made


@pytest.mark.parametrize("call", calls_of(Runner))
def test_devices_and_their_stand_ins_take_what_a_runner_takes(call: str) -> None:
    wanted = list(calls_of(Runner)[call].parameters.values())
    for kind in (Devices, Workers):
        real = inspect.signature(getattr(kind, call)).parameters
        assert [p.name for p in real.values()] == [p.name for p in wanted]
    for fake in (FakeEngine, FakeRunner):
        if hasattr(fake, call):
            inspect.signature(getattr(fake, call)).bind(*wanted)


@pytest.mark.parametrize(("protocol", "name"), [(RankingRun, n) for n in calls_of(RankingRun)])
def test_rankings_take_what_is_asked_of_them(protocol: type, name: str) -> None:
    from intertrain_jax.cluster.ranking import WorkersRanking
    from intertrain_jax.probe.ranker import Ranker

    wanted = list(calls_of(protocol)[name].parameters)
    for kind in (Ranker, WorkersRanking):
        assert list(inspect.signature(getattr(kind, name)).parameters) == wanted
    inspect.signature(getattr(FakeRanking, name)).bind(*wanted)


def test_base_models_have_every_call_that_a_grid_may_make() -> None:
    from intertrain_jax.engine.bases import BaseModel, BaseModels
    from intertrain_jax.planning import work

    for name, signature in calls_of(Bases).items():
        real = inspect.signature(getattr(BaseModels, name))
        assert list(real.parameters) == list(signature.parameters), name
        if hasattr(FakeBases, name):
            inspect.signature(getattr(FakeBases, name)).bind(*signature.parameters)
    known = [name for name in vars(work.BaseModel) if not name.startswith("_")]
    assert set(known) == {"commit", "config", "identity", "tokens"}
    assert set(known) <= {*BaseModel.__dataclass_fields__, *vars(BaseModel)}


def test_naming_the_seam_imports_nothing_that_computes() -> None:
    code = "import sys, intertrain_jax.workflows.runner; sys.exit('jax' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_models_are_looked_at_and_checked_on_the_devices(devices: Devices, tmp_path: Path) -> None:
    config = write_ranking(tmp_path)
    data = load_task(get_task("alpha", [TASK]), config.data)
    ref = ModelRef(str(write_tokenizer(ModelFactory(tmp_path)("bert"))))
    protocol = Protocol(max_length=12)
    bases = devices.bases(ref, {"alpha": data}, protocol, str(tmp_path / "cache"))
    model = bases.look(ref)
    assert bases.pretrained == model and model.config.hidden_size == 6
    # Asked for the same again, as in a search, it has them still; other data are other base models.
    again = load_task(get_task("alpha", [TASK]), config.data)
    assert devices.bases(ref, {"alpha": again}, protocol, str(tmp_path / "cache")) is bases
    few = load_task(get_task("alpha", [TASK]), replace(config.data, limit=2))
    assert devices.bases(ref, {"alpha": few}, protocol, str(tmp_path / "cache")) is not bases
    bases.close()
    devices.check_pretrained(ref, model, EngineConfig(devices=4), protocol)
    with pytest.raises(IntertrainError, match=f"the positions of model '{ref.label}'"):
        devices.check_pretrained(ref, model, EngineConfig(), replace(protocol, max_length=13))
    with pytest.raises(IntertrainError, match=r"engine\.devices is 5, but JAX sees 4"):
        devices.check_pretrained(ref, model, EngineConfig(devices=5), protocol)


def test_what_auto_means_and_where_it_runs(devices: Devices) -> None:
    assert devices.resolve_precision("auto") == "float32"
    assert devices.resolve_precision("bfloat16") == "bfloat16"
    assert devices.environment()["platform"].startswith("cpu on ")


@pytest.mark.parametrize(("delete", "count"), [(False, "auto"), (True, 2)])
def test_a_ranking_gets_its_devices_and_a_folder_that_may_be_emptied(
    devices: Devices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, delete: bool, count: Any
) -> None:
    made: list[Any] = []
    monkeypatch.setattr("intertrain_jax.probe.ranker.prepare", lambda *given: made.append(given))
    config: RankConfig = replace(write_ranking(tmp_path), delete_downloads=delete, devices=count)
    data = load_task(get_task("alpha", [TASK]), config.data)
    devices.ranking(config, config.protocol, data, tmp_path / "out", "shape")
    ((ours, protocol, read, mesh, downloads, architecture),) = made
    assert (ours, protocol, read, architecture) == (config, config.protocol, data, "shape")
    assert mesh.size == (4 if count == "auto" else count)
    assert downloads == (tmp_path / "out" / "downloads" if delete else None)
