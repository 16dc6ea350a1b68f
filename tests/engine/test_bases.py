"""Base models: looked at once, loaded a few ahead, let go, and refused with a reason."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from intertrain_jax.base import IntertrainError, content_hash
from intertrain_jax.config.experiment import DataConfig
from intertrain_jax.config.protocol import Protocol
from intertrain_jax.config.refs import ModelRef
from intertrain_jax.data.load import load_task
from intertrain_jax.data.task import Splits, Task
from intertrain_jax.data.text import tokenizer_fingerprint
from intertrain_jax.engine import bases as bases_module
from intertrain_jax.engine import held as held_module
from intertrain_jax.engine.bases import BaseModels
from intertrain_jax.models.hf.weights import load_checkpoint
from tests.engine.tiny_grid import tiny_plan
from tests.experiments import write_task, write_tokenizer
from tests.models.tiny_models import CONFIGS, ModelFactory

TASK = Task("alpha", "Alpha", ("{text}",), labels=("bad", "good"), splits=Splits("train"))
# The words of `write_tokenizer` in another order.
OTHER_WORDS = ("[UNK]", "[PAD]", "[CLS]", "[SEP]", "film", "bad", "good", "dish", "very")


class Models:
    """Tiny models on disk, and a task."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._factory = folder, ModelFactory(folder)
        write_task(folder / "data" / "alpha")
        self.pretrained = self.write()

    def write(self, words: tuple[str, ...] | None = None, **config: Any) -> ModelRef:
        """Writes a model with random weights and a tokenizer."""
        config = {**CONFIGS["bert"], **config}
        path = self._factory.write(config, self._factory.tensors(config))
        return ModelRef(str(write_tokenizer(path, *([words] if words else []))))

    def bases(self, **options: Any) -> BaseModels:
        """Returns the base models of a grid, as a new process would."""
        data = {"alpha": load_task(TASK, DataConfig(str(self.folder / "data")))}
        cache = str(self.folder / "cache")
        return BaseModels(self.pretrained, data, Protocol(max_length=12), cache, **options)


@pytest.fixture
def models(tmp_path: Path) -> Models:
    return Models(tmp_path)


def test_the_identity_is_that_of_weights_and_tokenizer(models: Models) -> None:
    found = models.bases().pretrained
    directory = Path(models.pretrained.reference)
    weights = load_checkpoint(models.pretrained.reference).fingerprint
    assert found.identity == content_hash([weights, tokenizer_fingerprint(directory)])


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"num_hidden_layers": 1}, "its num_layers is 1, and theirs 2"),
        ({"hidden_size": 8, "num_attention_heads": 2}, "its hidden_size is 8, and theirs"),
        ({"model_type": "gpt2"}, "must be one of"),
    ],
)
def test_a_model_of_another_kind_is_refused_before_its_weights_are_read(
    models: Models, config: dict[str, Any], reason: str
) -> None:
    ref = models.write()
    file = Path(ref.reference) / "config.json"
    file.write_text(json.dumps({**CONFIGS["bert"], **config}))
    (Path(ref.reference) / "model.safetensors").unlink()
    bases = models.bases()
    for _ in range(2):
        with pytest.raises(IntertrainError, match=reason):
            bases.look(ref)
    with pytest.raises(IntertrainError, match=reason):
        bases.load(ref)
    assert bases.pretrained.ref == models.pretrained


def test_broken_files_are_a_reason_in_one_line(models: Models) -> None:
    truncated, without = models.write(), models.write()
    weights = Path(truncated.reference) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    (Path(without.reference) / "tokenizer.json").write_text("[1, 2")
    bases = models.bases()
    for ref in (truncated, without, ModelRef("/nowhere")):
        with pytest.raises(IntertrainError) as error:
            bases.look(ref)
        assert "\n" not in str(error.value)


def test_tokenizers_that_agree_share_tokens_and_others_get_their_own(models: Models) -> None:
    same, other = models.write(), models.write(OTHER_WORDS)
    # Another file with the same words and tokens.
    file = Path(same.reference) / "tokenizer.json"
    file.write_text(file.read_text() + "\n")
    bases = models.bases()
    assert bases.look(same).tokenizer != bases.pretrained.tokenizer
    assert bases.look(same).tokens == bases.pretrained.tokens != bases.look(other).tokens
    others = [same.reference, other.reference, "/nowhere"]
    plan = tiny_plan(["alpha"], bases=others, pretrained=models.pretrained.reference)
    tasks = bases.tasks(plan)
    assert set(tasks) == {(bases.look(ref).tokens, "alpha") for ref in (models.pretrained, other)}
    own, shared = (tasks[bases.look(ref).tokens, "alpha"].test for ref in (other, same))
    assert not np.array_equal(own.tokens, shared.tokens)
    assert np.array_equal(own.labels, shared.labels)


def test_without_a_tokenizer_the_pretrained_models_is_read(models: Models) -> None:
    bare = models.write()
    for file in Path(bare.reference).glob("tokenizer*"):
        file.unlink()
    bases = models.bases()
    assert bases.look(bare).tokens == bases.pretrained.tokens
    assert bases.look(bare).tokenizer == bases.pretrained.tokenizer


def test_tokens_without_a_word_are_refused(models: Models) -> None:
    words = (*OTHER_WORDS[:4], *map(str, range(50)), *OTHER_WORDS[4:])
    with pytest.raises(IntertrainError, match="but it has only"):
        models.bases().look(models.write(words))


@pytest.mark.parametrize("words", [11, 13, 20])
def test_the_number_of_words_may_differ_where_those_in_use_are_there(
    models: Models, words: int
) -> None:
    """As after tokens were added, or padded to a multiple of 64: lanes have the pretrained model's."""
    ref = models.write(vocab_size=words)
    bases = models.bases()
    assert bases.look(ref).tokens == bases.pretrained.tokens
    plain, held = load_checkpoint(ref.reference), bases.load(ref)
    assert bases.look(ref).fingerprint == plain.fingerprint
    ours, theirs = (x.params["embeddings"]["word"] for x in (held, plain))
    assert ours.shape == (13, 6)
    np.testing.assert_array_equal(ours[: min(words, 13)], theirs[:13])
    assert not ours[words:].any()


def test_words_that_the_lanes_have_no_room_for_fail_one_model(models: Models) -> None:
    words = (*OTHER_WORDS[:4], *map(str, range(10)), *OTHER_WORDS[4:])
    ref = models.write(words, vocab_size=19)
    bases = models.bases()
    with pytest.raises(IntertrainError, match="reads token 18, and there are 13 words"):
        bases.look(ref)
    assert bases.pretrained.ref == models.pretrained


def test_another_process_only_hashes(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    refs = [models.write(), models.write()]
    first = [models.bases().look(ref) for ref in refs]

    def read(*given: Any) -> None:
        raise AssertionError("weights are loaded")

    monkeypatch.setattr(bases_module, "load_weights", read)
    again = models.bases()
    assert [again.look(ref) for ref in refs] == first
    weights = Path(refs[0].reference) / "model.safetensors"
    tensors = load_file(weights)
    save_file({name: x + 1 for name, x in tensors.items()}, weights)
    with pytest.raises(IntertrainError, match="weights are loaded"):
        models.bases().look(refs[0])


def test_few_are_held_and_few_are_loaded_ahead(
    models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    refs = [models.write() for _ in range(6)]
    reads: list[ModelRef] = []
    original = held_module._read

    def counted(model: Any, *given: Any) -> Any:
        reads.append(model.ref)
        return original(model, *given)

    monkeypatch.setattr(held_module, "_read", counted)
    size = held_module._size(load_checkpoint(refs[0].reference))
    bases = models.bases(held_bytes=2 * size)
    for ref in refs:
        bases.look(ref)
    bases.expect(refs)
    assert len(bases._held._ahead) == 2
    for n, ref in enumerate(refs):
        bases.load(ref)
        bases.expect(refs[n + 1 :])
        assert len(bases._held._held) <= 2 and len(bases._held._ahead) <= 2
    assert reads == refs, "each is loaded once, in order"
    bases.load(refs[-2])
    assert reads == refs, "what was used last is held"
    bases.load(refs[0])
    assert reads == [*refs, refs[0]]
    bases.close()
    assert not bases._held._held and not bases._held._ahead


@pytest.mark.parametrize("ahead", [False, True])
def test_a_model_that_vanishes_or_changes_fails_its_runs(models: Models, ahead: bool) -> None:
    gone, changed = models.write(), models.write()
    bases = models.bases()
    for ref in (gone, changed):
        bases.look(ref)
    shutil.rmtree(gone.reference)
    weights = Path(changed.reference) / "model.safetensors"
    save_file({name: x + 1 for name, x in load_file(weights).items()}, weights)
    if ahead:
        bases.expect([gone, changed])
    with pytest.raises(IntertrainError, match="neither an existing directory"):
        bases.load(gone)
    with pytest.raises(IntertrainError, match="must stay the same while a grid runs"):
        bases.load(changed)
    bases.load(models.pretrained)
