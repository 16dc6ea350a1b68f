"""Loading for a ranking: order, protocol, and what is deleted after use."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.experiment import DataConfig
from intertrain_jax.config.protocol import Protocol, TextProtocol
from intertrain_jax.config.refs import ModelRef
from intertrain_jax.data.load import load_task
from intertrain_jax.data.task import Splits, Task
from intertrain_jax.engine.environment import lane_mesh
from intertrain_jax.models.families.table import architecture_hash
from intertrain_jax.models.hf.references import files_hash
from intertrain_jax.models.hf.weights import load_checkpoint
from intertrain_jax.probe import loading
from intertrain_jax.probe.loading import Loaded, ModelLoader, NotLoaded
from tests.experiments import write_task, write_tokenizer
from tests.models.tiny_models import CONFIGS, ModelFactory

TASK = Task("alpha", "Alpha", ("{text}",), labels=("bad", "good"), splits=Splits("train"))


@pytest.fixture
def factory(tmp_path: Path) -> ModelFactory:
    """Writes tiny models."""
    write_task(tmp_path / "data" / "alpha")
    return ModelFactory(tmp_path)


def loader(tmp_path: Path, **changes: Any) -> ModelLoader:
    """Returns a loader of the task."""
    data = load_task(TASK, DataConfig(str(tmp_path / "data")))
    values = {"max_length": 12, **changes.pop("protocol", {})}
    given = {"downloads": None, "architectures": (), "fallback": None, **changes}
    cache = str(tmp_path / "cache")
    return ModelLoader(data, Protocol(method="probe", **values), lane_mesh(1), cache, **given)


def model(factory: ModelFactory, kind: str = "bert", **options: Any) -> str:
    """Returns a model with a tokenizer."""
    config = {**CONFIGS[kind], **options}
    return str(write_tokenizer(factory.write(config, factory.tensors(config))))


def test_models_come_in_the_order_of_the_list_whatever_becomes_of_them(
    tmp_path: Path, factory: ModelFactory
) -> None:
    refs = [
        ModelRef(r) for r in (model(factory), "/nowhere", model(factory), model(factory, "roberta"))
    ]
    found = list(loader(tmp_path).stream(refs))
    assert [one.ref for one in found] == refs
    assert [type(one) for one in found] == [Loaded, NotLoaded, Loaded, NotLoaded]
    assert found[0].task is found[2].task, "tokenised once"  # type: ignore[union-attr]
    assert "its family is 'roberta'" in found[3].reason  # type: ignore[union-attr]


def test_only_a_few_models_are_loaded_ahead(
    tmp_path: Path, factory: ModelFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    refs = [ModelRef(model(factory)) for _ in range(7)]
    made, started = loader(tmp_path), []
    load = made.load

    def counted(ref: ModelRef) -> Any:
        started.append(ref)
        return load(ref)

    monkeypatch.setattr(made, "load", counted)
    stream = made.stream(refs)
    next(stream)
    time.sleep(1.0)  # enough to load all of them
    assert len(started) == 1 + loading._AHEAD
    assert len(list(stream)) == 6


def test_models_are_read_side_by_side_and_come_in_their_order(
    tmp_path: Path, factory: ModelFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    refs = [ModelRef(model(factory)) for _ in range(7)]
    # No model is read before as many are being read as there are to be: with fewer threads it ends here.
    together = threading.Barrier(loading._LOADERS)
    read = loading.load_weights
    begun: list[str] = []

    def slow(directory: Path, name: str, *rest: Any, **options: Any) -> Any:
        begun.append(name)
        if len(begun) <= loading._LOADERS:
            together.wait(timeout=100)
        return read(directory, name, *rest, **options)

    monkeypatch.setattr(loading, "load_weights", slow)
    found = list(loader(tmp_path).stream(refs))
    assert [one.ref for one in found] == refs
    assert all(isinstance(one, Loaded) for one in found)
    assert len({id(one.task) for one in found if isinstance(one, Loaded)}) == 1, "tokenised once"


@pytest.mark.parametrize(
    ("kind", "protocol", "message"),
    [
        ("t5", {}, "Give --set protocol.text.decision=classify"),
        ("bert", {"text": TextProtocol("classify")}, "Remove it"),
        ("bert", {"max_length": 13}, "Give --set protocol.max_length=12"),
    ],
)
def test_a_protocol_that_does_not_fit_is_said_before_weights_are_read(
    tmp_path: Path, factory: ModelFactory, kind: str, protocol: dict[str, Any], message: str
) -> None:
    made = loader(tmp_path, protocol=protocol)
    path = model(factory, kind)
    (Path(path) / "model.safetensors").unlink()
    with pytest.raises(IntertrainError, match=message):
        made.require(ModelRef(path))


def test_t5_is_ranked_by_its_encoder(tmp_path: Path, factory: ModelFactory) -> None:
    made = loader(tmp_path, protocol={"text": TextProtocol("classify")})
    assert isinstance(made.load(ModelRef(model(factory, "t5"))), Loaded)


def test_a_ranking_goes_on_with_the_architecture_that_it_began_with(
    tmp_path: Path, factory: ModelFactory
) -> None:
    first = model(factory)
    known = architecture_hash(load_checkpoint(first).config)
    other = loader(tmp_path, architectures={known}).load(
        ModelRef(model(factory, num_hidden_layers=1))
    )
    assert isinstance(other, NotLoaded)
    assert "ranked before in this directory" in other.reason
    assert isinstance(loader(tmp_path, architectures={known}).load(ModelRef(first)), Loaded)


@pytest.mark.parametrize("place", [0, 1, 4])
def test_most_models_decide_the_shape_wherever_the_odd_ones_are(
    tmp_path: Path, factory: ModelFactory, place: int
) -> None:
    refs = [ModelRef(model(factory)) for _ in range(3)]
    odd = [ModelRef(model(factory, num_hidden_layers=1)), ModelRef("/nowhere")]
    refs[place:place] = odd
    for found in loader(tmp_path).stream(refs):
        assert isinstance(found, NotLoaded) == (found.ref in odd)


def test_of_as_many_models_of_two_shapes_the_first_decides(
    tmp_path: Path, factory: ModelFactory
) -> None:
    refs = [ModelRef(model(factory, "roberta")), ModelRef(model(factory))]
    made = loader(tmp_path, protocol={"max_length": 10})
    assert [type(one) for one in made.stream(refs)] == [Loaded, NotLoaded]


def test_the_pretrained_model_decides_whatever_most_are(
    tmp_path: Path, factory: ModelFactory
) -> None:
    pretrained, *others = [ModelRef(model(factory, "roberta"))] + [
        ModelRef(model(factory)) for _ in range(3)
    ]
    made = loader(tmp_path, fallback=pretrained, protocol={"max_length": 10})
    made.require(pretrained)
    found = list(made.stream([pretrained, *others]))
    assert [type(one) for one in found] == [Loaded, *[NotLoaded] * 3]


def test_of_a_model_on_the_hub_no_more_than_its_configuration_is_asked_for_the_shape(
    tmp_path: Path, factory: ModelFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, Any]] = []

    def download(reference: str, **given: Any) -> str:
        asked.append((reference, given["allow_patterns"]))
        return str(factory("bert"))

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    refs = [ModelRef(f"org/m{k}") for k in range(40)]
    assert loader(tmp_path)._commonest(refs) == load_checkpoint(str(factory("bert"))).config.shape
    assert {patterns[0] for _, patterns in asked} == {"config.json"}
    assert all(len(patterns) == 1 for _, patterns in asked)
    assert len(asked) == 24, "once it is decided, nobody else is asked"


@pytest.mark.parametrize("words", [11, 20])
def test_models_may_differ_in_the_number_of_their_words(
    tmp_path: Path, factory: ModelFactory, words: int
) -> None:
    refs = [ModelRef(model(factory, vocab_size=words)), ModelRef(model(factory))]
    found = list(loader(tmp_path).stream(refs))
    assert [type(one) for one in found] == [Loaded, Loaded]
    known = architecture_hash(load_checkpoint(refs[0].reference).config, words=False)
    assert isinstance(loader(tmp_path, architectures={known}).load(refs[1]), Loaded)


def test_an_encoder_alone_is_ranked(tmp_path: Path, factory: ModelFactory) -> None:
    tensors = factory.tensors(CONFIGS["t5"])
    alone = {name: x for name, x in tensors.items() if not name.startswith("decoder.")}
    path = write_tokenizer(factory.write(CONFIGS["t5"], alone))
    made = loader(tmp_path, protocol={"text": TextProtocol("classify")})
    assert isinstance(made.load(ModelRef(str(path))), Loaded)


def test_words_that_a_model_does_not_have_are_an_error(
    tmp_path: Path, factory: ModelFactory
) -> None:
    found = loader(tmp_path).load(ModelRef(model(factory, vocab_size=5)))
    assert isinstance(found, NotLoaded)
    assert "but it has only 5 words" in found.reason


def test_without_a_tokenizer_the_pretrained_models_is_read(
    tmp_path: Path, factory: ModelFactory
) -> None:
    bare = str(factory("bert"))
    alone = loader(tmp_path).load(ModelRef(bare))
    assert isinstance(alone, NotLoaded) and "--pretrained REF" in alone.reason
    pretrained = ModelRef(model(factory))
    found = loader(tmp_path, fallback=pretrained).load(ModelRef(bare))
    assert isinstance(found, Loaded) and found.tokenizer.startswith(f"none; {pretrained.label}'s")


def test_what_strange_files_make_libraries_raise_is_a_reason(
    tmp_path: Path, factory: ModelFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(model(factory))
    (path / "tokenizer.json").write_text("[1, 2")
    found = loader(tmp_path).load(ModelRef(str(path)))
    assert isinstance(found, NotLoaded)
    assert "\n" not in found.reason and "okenizer" in found.reason

    def strange(*given: Any, **options: Any) -> None:
        raise RuntimeError("strange\nfile")

    monkeypatch.setattr(loading, "load_weights", strange)
    found = loader(tmp_path).load(ModelRef(model(factory)))
    assert isinstance(found, NotLoaded)
    assert found.reason == "It cannot be loaded: RuntimeError: strange file"


def test_downloads_are_deleted_and_nothing_else(
    tmp_path: Path, factory: ModelFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, downloads = Path(model(factory)), tmp_path / "downloads"

    def download(reference: str, **given: Any) -> str:
        folder = given["cache_dir"] / f"models--{reference.replace('/', '--')}" / "snapshots" / "c0"
        if not folder.exists():
            folder.parent.mkdir(parents=True)
            import shutil

            shutil.copytree(source, folder)
        return str(folder)

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    made = loader(tmp_path, downloads=downloads)
    found = made.load(ModelRef("org/name", "main"))
    assert isinstance(found, Loaded) and found.revision == "c0"
    made.load(ModelRef("org/other"))
    made.forget(ModelRef("org/name", "main"))
    assert [path.name for path in downloads.iterdir()] == ["models--org--other"]
    made.forget(ModelRef(str(source)))
    assert source.is_dir()


def test_files_say_whether_a_model_is_still_the_same(tmp_path: Path, factory: ModelFactory) -> None:
    path = Path(model(factory))
    before = files_hash(str(path))
    assert before == files_hash(str(path)) is not None
    tensors = load_file(path / "model.safetensors")
    name = sorted(tensors)[0]
    save_file({**tensors, name: np.zeros_like(tensors[name])}, path / "model.safetensors")
    assert files_hash(str(path)) != before
    found = loader(tmp_path).load(ModelRef(str(path)))
    assert isinstance(found, Loaded) and found.files == files_hash(str(path))
    (path / "model.safetensors").write_bytes(b"damaged")
    damaged = loader(tmp_path).load(ModelRef(str(path)))
    assert isinstance(damaged, NotLoaded) and damaged.files == files_hash(str(path)) != found.files
    assert files_hash("org/name") is None and files_hash(str(tmp_path / "gone")) is None
