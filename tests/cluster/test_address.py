"""What `--workers` may say, and what it says where Ray is not installed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

import intertrain_jax as ij
from intertrain_jax.base import IntertrainError
from intertrain_jax.cli import main
from intertrain_jax.cluster import address
from intertrain_jax.cluster.address import Wanted, wanted


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (1, None),
        ("1", None),
        (8, Wanted(8)),
        (" 8 ", Wanted(8)),
        ("auto", Wanted(None)),
        ("10.0.0.7:6379", Wanted(None, "10.0.0.7:6379")),
        ("ray://head.cluster:10001", Wanted(None, "ray://head.cluster:10001")),
    ],
)
def test_what_is_meant(
    monkeypatch: pytest.MonkeyPatch, said: int | str, meant: Wanted | None
) -> None:
    monkeypatch.setattr(address, "find_spec", lambda name: name)
    assert wanted(said) == meant


@pytest.mark.parametrize("said", [0, -2, "0", "many", "5000", "http://host:80", "host", ":1", ""])
def test_what_is_none_is_said(said: int | str) -> None:
    with pytest.raises(IntertrainError, match="must be a number from 1 to 4,096, 'auto', or"):
        wanted(said)


@pytest.mark.parametrize(
    "call",
    [
        lambda: ij.grid("no-such-experiment", workers=2),
        lambda: ij.rank(["no-such-model"], workers="auto"),
        lambda: ij.recommend("no-such-file.csv", workers="host:6379"),
    ],
)
def test_without_ray_nothing_is_begun(
    monkeypatch: pytest.MonkeyPatch, call: Callable[[], object]
) -> None:
    monkeypatch.setattr(address, "find_spec", lambda name: None)
    with pytest.raises(IntertrainError, match=r"pip install 'intertrain-jax\[ray\]'"):
        call()


def test_the_command_says_in_one_line_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(address, "find_spec", lambda name: None)
    out = tmp_path / "out"
    found = CliRunner().invoke(main, ["grid", "--workers", "2", "--out", str(out)])
    assert found.exit_code == 2 and not out.exists()
    (line,) = found.output.splitlines()
    assert "workers '2' need the package ray" in line
