"""The host looks a block late: a device with a clock of its own never waits for it in between."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from intertrain_jax.base import StopReason
from intertrain_jax.engine import lanes as engine_lanes
from intertrain_jax.engine.lane import LaneGroup
from intertrain_jax.engine.loop import GridLoop
from tests.engine.tiny_grid import Outcomes, run_tiny, tiny_plan, tiny_protocol, tiny_task

MICRO_STEP, EVALUATION, HOST_STEP = 10.0, 25.0, 0.01
TASKS = {name: tiny_task(name, classes) for name, classes in (("a", 2), ("b", 3))}
for k, name in enumerate(("long", "longer")):
    TASKS[name] = tiny_task(name, longest=30 + 10 * k)
TASKS["graded"] = tiny_task("graded", regression=True)


Scores = Callable[[int, int], int]


class Host:
    """The one that sends and reads; `now` is its time."""

    now = 0.0


class Device:
    """Does what it was sent, one after another, while the host goes on; all time is its clock's.

    Attributes:
        host: that sends.
        free_at: when everything that was sent is done.
        idle: time in which it had nothing to do between the first and the last of it.
        stalls: reads that the host could not send anything after before they were done.
    """

    def __init__(self, host: Host) -> None:
        self.host = host
        self.free_at = self.idle = 0.0
        self.sent = 0
        self.stalls: list[str] = []
        self._drained: str | None = None

    def send(self, seconds: float) -> float:
        """Takes in a program; returns when it will be done."""
        self.host.now += HOST_STEP
        if self.sent and seconds:
            self.idle += max(0.0, self.host.now - self.free_at)
        if self._drained is not None:
            self.stalls.append(self._drained)
        self._drained = None
        self.sent += 1
        if seconds:
            self.free_at = max(self.host.now, self.free_at) + seconds
        return self.free_at

    def wait(self, until: float, what: str) -> None:
        """Waits for a result; whether that left nothing to do shows when something is sent again."""
        self.host.now = max(self.host.now, until)
        if until == self.free_at:
            self._drained = what


class Result:
    """An array, parts of which may be on several devices."""

    def __init__(self, parts: Mapping[Device, float], values: Any, what: str) -> None:
        self.parts, self.values, self.what = parts, values, what

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        for device, done_at in self.parts.items():
            device.wait(done_at, self.what)
        return np.asarray(self.values, dtype)


class Programs:
    """Programs whose results take time, in place of `LanePrograms`; scores are as the script says.

    Args:
        devices: that lanes are spread over, by number.
        scores: right answers of a lane's validation, by how many it had before.
    """

    compilations = 1
    evaluation = EVALUATION

    def __init__(self, devices: list[Device], lanes: int, scores: Scores) -> None:
        self.devices, self.num_lanes, self.scores = devices, lanes, scores
        self.blank_tally = np.zeros((1, 3), np.int32)
        self.validations: dict[tuple[str, int], int] = defaultdict(int)
        self.groups = 0

    def count_anew(self) -> None:
        """Compilations are not counted here."""

    def empty_lanes(self) -> str:
        self.groups += 1
        return f"group {self.groups}"

    def expect(self, lanes: str, work: Any, arena: Any, pretrained: Any) -> None:
        """Nothing is compiled here."""

    def stop(self) -> None:
        """Nor ahead of anything."""

    def start(self, lanes: str, lane: int, params: Any, hyper: Any) -> str:
        self.validations[lanes, lane] = 0
        return lanes

    def advance(self, lanes: str, blocks: Any, arena: Any, pretrained: Any) -> Any:
        ends = {device: device.send(MICRO_STEP) for device in self.devices}
        return lanes, Result(ends, np.ones(self.num_lanes), "losses")

    def evaluate(
        self, lanes: str, lane: int, best: bool, chunk: Any, arena: Any, tally: Any
    ) -> Any:
        owner = self.devices[lane // (self.num_lanes // len(self.devices))]
        # Programs of a mesh go to all of its devices; those without the lane have nothing to do.
        at = {device: device.send(self.evaluation * (device is owner)) for device in self.devices}
        at = {owner: at[owner]}
        right = 7 if best else self.scores(lane, self.validations[lanes, lane])
        self.validations[lanes, lane] += not best
        logits = np.zeros((*chunk.examples.shape, 3))
        logits[..., 0] = chunk.examples * (1 if right % 2 else -1)
        what = "test" if best else "validation"
        return Result(at, logits, what), Result(at, [[right, 0, 0]], what)

    def of_lane(self, outputs: Any, lane: int) -> Any:
        return outputs

    def keep_better(self, lanes: str, lane: int, tally: Any) -> str:
        return lanes

    def keep_best(self, lanes: str, lane: int) -> str:
        return lanes


def peaks(lane: int, before: int) -> int:
    """The third validation is the best; patience ends a run two later, if its schedule does not."""
    return (5, 6, 9, 8, 7)[min(before, 4)]


def run_on(
    monkeypatch: pytest.MonkeyPatch,
    out: Path,
    tasks: list[str],
    seeds: int,
    kind: type[Programs] = Programs,
    scores: Scores = peaks,
    **options: Any,
) -> tuple[list[Device], Outcomes]:
    """Runs a grid on devices with clocks, and runs that stop by patience and at their end."""
    host = Host()
    devices = [Device(host) for _ in range(options.get("devices", 1))]

    def programs(objective: Any, lanes: int, mesh: Any, dtype: Any) -> Any:
        return kind(devices, lanes, scores)

    monkeypatch.setattr(engine_lanes, "LanePrograms", programs)
    protocol = tiny_protocol(epochs=8, patience=80)
    plan = tiny_plan(tasks, seeds=seeds, protocol=protocol)
    outcomes, progress = run_tiny(out, plan, TASKS, **options)
    assert len(outcomes.results) == progress.done == len(plan.runs)
    # What was sent off for nothing is counted nowhere.
    assert progress.examples == sum(result.examples for result in outcomes.results.values())
    assert progress.tokens == sum(result.tokens for result in outcomes.results.values())
    return devices, outcomes


LAYOUTS = {
    "alone": {"lanes": 1, "fuse": 1},
    "fused": {"lanes": 3, "fuse": 3},
    "in turn": {"lanes": 2, "fuse": 1},
    "devices": {"lanes": 4, "fuse": 2, "devices": 2},
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_no_read_leaves_a_device_without_work(
    layout: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    devices, outcomes = run_on(monkeypatch, tmp_path, ["a", "b"], 4, **LAYOUTS[layout])
    for device in devices:
        assert device.stalls == [] and device.idle == pytest.approx(0.0, abs=1e-9)
    for result in outcomes.results.values():
        assert (result.stop_reason, len(result.history)) == (StopReason.PATIENCE, 5)
        assert result.examples == 200 and result.validation == pytest.approx(100 * 9 / 15)


def test_lanes_of_all_devices_are_evaluated_side_by_side(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    one, _ = run_on(monkeypatch, tmp_path / "one", ["a"], 4, lanes=4, fuse=4, devices=1)
    two, _ = run_on(monkeypatch, tmp_path / "two", ["a"], 4, lanes=4, fuse=2, devices=2)
    turns = (one[0].free_at - 24 * EVALUATION) / MICRO_STEP
    # Each device has half of the lanes, and so half of the validations and tests; a turn or two are for
    # nothing, as they are sent while a validation is not yet known to be a run's last.
    for device in two:
        assert device.free_at == pytest.approx(turns * MICRO_STEP + 12 * EVALUATION, abs=21.0)


class ByTokens(Programs):
    """Programs that take the longer, the more token slots they compute."""

    def advance(self, lanes: str, blocks: Any, arena: Any, pretrained: Any) -> Any:
        slots = 3.0 * blocks.shape.tokens * self.num_lanes / len(self.devices)
        ends = {device: device.send(slots) for device in self.devices}
        return lanes, Result(ends, np.ones(self.num_lanes), "losses")

    def evaluate(
        self, lanes: str, lane: int, best: bool, chunk: Any, arena: Any, tally: Any
    ) -> Any:
        self.evaluation = float(chunk.count * chunk.shape.tokens)
        return super().evaluate(lanes, lane, best, chunk, arena, tally)


def test_devices_do_not_wait_while_one_of_them_validates(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Runs validate, and end, at different times."""

    def uneven(lane: int, before: int) -> int:
        return before + 1 if before <= lane % 3 + 2 * (lane % 2) else 0

    waited = {}
    for look in ("ahead", "at once"):
        if look == "at once":
            monkeypatch.setattr(LaneGroup, "turns_ahead", lambda *_: 0)
        devices, outcomes = run_on(
            monkeypatch,
            tmp_path / look,
            ["long", "longer"],
            6,
            kind=ByTokens,
            scores=uneven,
            lanes=4,
            fuse=1,
            devices=4,
            row_length=64,
            block_rows=1,
        )
        assert len({result.examples for result in outcomes.results.values()}) > 2
        end = max(device.free_at for device in devices)
        waited[look] = sum(device.idle for device in devices) / (4 * end)
    assert waited["ahead"] < 0.05 < 0.2 < waited["at once"], waited


def test_a_rank_correlation_is_judged_by_the_host_while_other_lanes_go_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (device,), outcomes = run_on(monkeypatch, tmp_path, ["graded", "a"], 2, lanes=4, fuse=1)
    assert {result.metric for result in outcomes.results.values()} == {"spearman", "accuracy"}
    judged = [what for what in device.stalls if what == "validation"]
    assert len(judged) <= 2  # as the last lanes end, alone


def test_a_blocking_read_would_be_seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    original = GridLoop.validate

    def at_once(self: GridLoop, group: Any, due: Any) -> None:
        original(self, group, due)
        self.settle(group)

    monkeypatch.setattr(GridLoop, "validate", at_once)
    devices, _ = run_on(monkeypatch, tmp_path, ["a", "b"], 4, **LAYOUTS["fused"])
    assert devices[0].stalls.count("validation") > 10 and devices[0].idle > 0.1
