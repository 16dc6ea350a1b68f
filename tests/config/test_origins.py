"""A source's name and the directory that was written of it are one model."""

from __future__ import annotations

from pathlib import Path

import pytest

from intertrain_jax.config.origins import ORIGIN_FILE, Origin, joined, origin_of, other_names


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Directories of three source models below the working directory, the last of another seed."""
    monkeypatch.chdir(tmp_path)
    for name, source, seed in (("alpha", "alpha", 0), ("b", "beta", 0), ("alpha-1", "alpha", 1)):
        (tmp_path / "models" / name).mkdir(parents=True)
        text = Origin(source, "mine", seed, "0123456789ab").to_json()
        (tmp_path / "models" / name / ORIGIN_FILE).write_text(text)
    (tmp_path / "models" / "plain").mkdir()
    return tmp_path / "models"


def test_an_origin_reads_back_and_what_is_none_says_nothing(models: Path) -> None:
    assert origin_of("models/b") == Origin("beta", "mine", 0, "0123456789ab")
    for content in ("{", "[]", '{"source": 3}', '{"source": "a", "x": 1}', "\ud800"):
        (models / "plain" / ORIGIN_FILE).write_text(content, errors="surrogatepass")
        assert origin_of("models/plain") is None
    assert origin_of("org/name") is None and origin_of("models/none") is None


def test_names_of_one_model_are_joined_both_ways(models: Path) -> None:
    paths = ["models/alpha", "models/b", "models/plain", "org/x"]
    assert other_names(["alpha", "beta", "gamma", "org/x"], paths) == {
        "alpha": "models/alpha",
        "beta": "models/b",
    }
    assert other_names(paths, ["beta", "PT", "org/x"]) == {"models/b": "beta"}
    spelled = [f"{models}/b/", "./models/plain"]
    assert other_names(spelled, paths) == dict(zip(spelled, ["models/b", paths[2]], strict=True))


def test_what_may_be_several_is_none(models: Path) -> None:
    assert other_names(["alpha"], ["models/alpha", "models/alpha-1"]) == {}
    assert other_names(["models/alpha", "models/alpha-1"], ["alpha"]) == {}
    # A name that is there is itself, and nobody else's.
    assert other_names(["alpha", "models/alpha"], ["models/alpha", "alpha-1"]) == {}


def test_what_was_joined_is_said() -> None:
    assert joined({}, "the gains") == ()
    (note,) = joined({"a": "m/a", "b": "m/b"}, "the gains")
    assert note == "Models that the gains call by another name: a is m/a, b is m/b."
