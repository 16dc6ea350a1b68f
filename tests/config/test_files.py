"""Files of configurations and what overrides them, by a configuration of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.experiment import load_config
from intertrain_jax.config.files import bundled_configs, find_config, keys_of, load, to_yaml

CONFIGS = Path(__file__).resolve().parents[2] / "configs"


@dataclass(frozen=True)
class Inner:
    """What lies below a key."""

    a: int = 1
    table: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outer:
    """A configuration."""

    name: str = "x"
    inner: Inner = field(default_factory=Inner)
    names: tuple[str, ...] = ()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A configuration's file."""
    path = tmp_path / "c.yaml"
    path.write_text("name: y\ninner: {a: 2, table: {k: v}}\n", "utf-8")
    return path


def test_whatever_it_is_given_as_it_is_one_configuration(file: Path) -> None:
    expected = Outer("y", Inner(2, {"k": "v"}))
    raw = {"name": "y", "inner": {"a": 2, "table": {"k": "v"}}}
    for given in (file, str(file), raw, expected):
        assert load(Outer, given) == expected
    assert load(Outer, None) == Outer()


def test_layers_override_in_order(file: Path) -> None:
    assert load(Outer, file, {"inner.a": 3}, ["inner.a=4"]).inner.a == 4
    assert load(Outer, file, ["inner.a=4"], {"inner.a": 3}).inner.a == 3
    assert load(Outer, file, {}, []).name == "y"


def test_a_mapping_leaves_alone_what_it_does_not_name(file: Path) -> None:
    merged = load(Outer, file, {"inner": {"table": {"l": "w"}}})
    assert merged.inner == Inner(2, {"k": "v", "l": "w"})
    # As text, a mapping is what is said, whole.
    assert load(Outer, file, ["inner={table: {l: w}}"]).inner == Inner(1, {"l": "w"})


@pytest.mark.parametrize(
    ("value", "expected"), [(Path("a: b"), "a: b"), ("[1, 2]", "[1, 2]"), ("null", "null")]
)
def test_python_values_are_not_read_as_yaml(value: Any, expected: str) -> None:
    assert load(Outer, None, {"name": value}).name == expected
    assert load(Outer, None, {"names": ("a", "b")}).names == ("a", "b")


def test_what_is_given_is_not_changed() -> None:
    raw: dict[str, Any] = {"inner": {"table": {"k": "v"}}}
    load(Outer, raw, {"inner.table": {"l": "w"}}, ["inner.a=9"])
    assert raw == {"inner": {"table": {"k": "v"}}}


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ({"nam": 1}, "unknown config key 'nam'. Did you mean 'name'"),
        ({"name.x": 1}, "config key 'name.x': config key 'name' has no keys below it"),
        (["name.x=1"], "--set 'name.x=1': config key 'name' has no keys below it"),
        ({"name": 3}, "'name' must be text, got 3"),
        ({"names": ["a", 3]}, r"'names' must be a list of texts .*, got \['a', 3\]"),
    ],
)
def test_what_does_not_fit_is_named(file: Path, layer: Any, message: str) -> None:
    with pytest.raises(IntertrainError, match=message):
        load(Outer, file, layer)


def test_what_is_no_configuration_is_refused() -> None:
    with pytest.raises(IntertrainError, match=r"a mapping or Outer, got a int\. Give one"):
        load(Outer, 3)  # type: ignore[arg-type]


def test_options_are_keys_by_short_names() -> None:
    keys = {"a": "inner.a", "name": "name"}
    assert keys_of({"a": 0, "name": None}, keys, "a test") == {"inner.a": 0}
    with pytest.raises(IntertrainError, match=r"'nam' is no option of a test. Did you mean 'name'"):
        keys_of({"nam": 1}, keys, "a test")


def test_yaml_reads_back(tmp_path: Path) -> None:
    config = Outer("é: x", Inner(3, {"k": "1"}), ("a", "no"))
    path = tmp_path / "out.yaml"
    path.write_text(to_yaml(config), "utf-8")
    assert load(Outer, path) == config


def test_every_file_in_configs_is_bundled() -> None:
    files = {
        path.relative_to(CONFIGS).with_suffix("").as_posix() for path in CONFIGS.rglob("*.yaml")
    }
    assert set(bundled_configs()) == files >= {"quickstart", "real-small", "paper/inhouse-roberta"}


def test_a_name_is_a_bundled_file_before_it_is_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("quickstart").write_text("name: mine\n")
    assert find_config("quickstart") == bundled_configs()["quickstart"]
    assert find_config("./quickstart") == Path("./quickstart")


def test_unknown_name_lists_the_bundled_ones(tmp_path: Path) -> None:
    with pytest.raises(IntertrainError, match=r"quickstart.*Did you mean 'quickstart'"):
        load_config("quikstart")
    with pytest.raises(IntertrainError, match="neither a file nor a bundled"):
        load_config(str(tmp_path / "none.yaml"))
    for name in ("x" * 5000, "a\x00b", "\ud800"):
        with pytest.raises(IntertrainError, match="neither a file nor a bundled"):
            load_config(name)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"- a\n", "must be a mapping of keys, got a list"),
        (b"", "must be a mapping of keys, got nothing"),
        (b"\x81", "cannot be read"),
        (b"name: x\nmodel: {pretrained: m}\ntargets: [t]\n", "config key 'sources' is missing"),
    ],
)
def test_broken_files(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes(content)
    with pytest.raises(IntertrainError, match=message):
        load_config(str(path))
