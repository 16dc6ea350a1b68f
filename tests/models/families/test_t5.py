"""T5 checkpoints load and export whole, and the public model encodes, scores and generates."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
import pytest
from safetensors.numpy import load_file
from tiny_models import CONFIGS, ModelFactory, Tensors

from intertrain_jax.base import IntertrainError
from intertrain_jax.models.api import TextModel, load_model
from intertrain_jax.models.hf.check import check_model
from intertrain_jax.models.hf.export import export_checkpoint
from intertrain_jax.models.hf.tensors import tensors_from_params
from intertrain_jax.models.hf.weights import load_checkpoint

IDS = np.array([[2, 5, 7, 3, 1], [4, 6, 1, 0, 0]])
MASK = (IDS > 0).astype(np.int64)
VERSIONS = ("t5", "t5-v1.1")

each_version = pytest.mark.parametrize("version", VERSIONS)


def tensors_of(models: ModelFactory, version: str) -> Tensors:
    """Returns the tensors of a tiny model, with the output that v1.1 has."""
    return models.tensors(CONFIGS[version])


@pytest.fixture
def make(models: ModelFactory) -> Callable[[str], Path]:
    """Writes a tiny model of a version."""
    return lambda version: models.write(CONFIGS[version], tensors_of(models, version))


@each_version
def test_a_model_loads_whole_and_exports_bit_equal(
    make: Callable[[str], Path], tmp_path: Path, version: str
) -> None:
    directory = make(version)
    first = load_checkpoint(str(directory))
    tensors = load_file(directory / "model.safetensors")
    assert {used.name for used in first.report.used} == set(tensors)
    assert (first.report.ignored, first.report.initialised) == ((), ())
    assert ("lm_head.weight" in tensors) == (first.head is not None) == (version == "t5-v1.1")
    export_checkpoint(tmp_path / "o", first.config, first.params, first.head, first.hf_config)
    second = load_checkpoint(str(tmp_path / "o"))
    assert second.fingerprint == first.fingerprint and second.config == first.config
    back = load_file(tmp_path / "o" / "model.safetensors")
    assert {name: array.tobytes() for name, array in back.items()} == {
        name: array.tobytes() for name, array in tensors.items()
    }


@each_version
def test_transformers_loads_all_of_an_export(
    make: Callable[[str], Path], tmp_path: Path, version: str
) -> None:
    torch = pytest.importorskip("torch", reason="loads the export with transformers and torch")
    from transformers import AutoModelForSeq2SeqLM

    first = load_checkpoint(str(make(version)))
    export_checkpoint(tmp_path / "o", first.config, first.params, first.head, first.hf_config)
    theirs, info = AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "o", output_loading_info=True)
    assert not any(info.values()), info
    with torch.no_grad():
        logits = theirs(
            input_ids=torch.from_numpy(IDS),
            attention_mask=torch.from_numpy(MASK),
            decoder_input_ids=torch.tensor([[0, 4, 5], [0, 7, 8]]),
        ).logits
    ours = load_model(str(tmp_path / "o"))
    assert isinstance(ours, TextModel)
    found = ours.logits(IDS, MASK, [[0, 4, 5], [0, 7, 8]])
    np.testing.assert_allclose(found, logits, rtol=1e-4, atol=1e-4)


@each_version
def test_the_report_compares_with_torch(make: Callable[[str], Path], version: str) -> None:
    pytest.importorskip("torch", reason="compares with torch")
    report = check_model(str(make(version)))
    assert report.ok and report.parity.keys() == {"hidden states", "logits"}
    assert any("any length" in line for line in report.lines())


def test_copies_of_the_word_embedding_are_checked(models: ModelFactory) -> None:
    tensors = tensors_of(models, "t5")
    words = tensors["shared.weight"]
    leftover = "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"
    whole = {
        **tensors,
        "encoder.embed_tokens.weight": words.copy(),
        "lm_head.weight": words.copy(),
        leftover: np.ones((8, 3), np.float32),
    }
    checkpoint = load_checkpoint(str(models.write(CONFIGS["t5"], whole)))
    assert {name for name, _ in checkpoint.report.ignored} == {
        "encoder.embed_tokens.weight",
        "lm_head.weight",
        leftover,
    }
    assert checkpoint.head is None
    whole["encoder.embed_tokens.weight"] = words + 1
    with pytest.raises(IntertrainError, match=r"'encoder.embed_tokens.weight' must equal"):
        load_checkpoint(str(models.write(CONFIGS["t5"], whole)))


def test_what_transformers_5_saves_again_is_the_same_model(
    make: Callable[[str], Path], tmp_path: Path
) -> None:
    """It calls every T5 tied, and says elsewhere that an output has weights of its own."""
    pytest.importorskip("torch", reason="saves with transformers and torch")
    from transformers import AutoModelForSeq2SeqLM

    directory = make("t5-v1.1")
    AutoModelForSeq2SeqLM.from_pretrained(directory).save_pretrained(tmp_path / "again")
    first, again = load_checkpoint(str(directory)), load_checkpoint(str(tmp_path / "again"))
    assert again.fingerprint == first.fingerprint and again.head is not None
    assert check_model(str(tmp_path / "again")).ok


@pytest.mark.parametrize("output", ["absent", "the words", "its own"])
@pytest.mark.parametrize("scaled", [None, True, False])
@pytest.mark.parametrize("tied", [None, True, False])
def test_logits_are_those_of_transformers_whatever_is_written_of_the_output(
    models: ModelFactory, tmp_path: Path, tied: bool | None, scaled: bool | None, output: str
) -> None:
    """Old files say of an unscaled output that it is not tied, new ones that it is not scaled."""
    tensors = models.tensors(CONFIGS["t5"])
    words = tensors["shared.weight"]
    if output != "absent":
        tensors["lm_head.weight"] = words + (output == "its own")
    options = {"tie_word_embeddings": tied, "scale_decoder_outputs": scaled}
    config = {name: x for name, x in CONFIGS["t5"].items() if name not in options}
    config |= {name: x for name, x in options.items() if x is not None}
    directory = str(models.write(config, tensors))
    unscaled = scaled is False or (scaled is None and tied is False)
    if output == "absent" and tied is False and unscaled:  # what it is, nobody knows
        with pytest.raises(IntertrainError, match=r"'lm_head\.weight', as config\.json says"):
            load_checkpoint(directory)
        return
    checkpoint = load_checkpoint(directory)
    assert (checkpoint.head is not None) == (unscaled or output == "its own")
    export_checkpoint(
        tmp_path / "o", checkpoint.config, checkpoint.params, checkpoint.head, checkpoint.hf_config
    )
    assert load_checkpoint(str(tmp_path / "o")).fingerprint == checkpoint.fingerprint
    if tied is not True and (scaled is False or output != "its own"):
        return  # the same model as one of the others
    pytest.importorskip("torch", reason="compares with torch")
    report = check_model(directory)
    assert report.ok and report.parity.keys() == {"hidden states", "logits"}, report.lines()


@each_version
@pytest.mark.parametrize("kept", ["encoder", "decoder", "both"])
def test_embedded_tokens_stand_for_the_words_that_a_file_lacks(
    models: ModelFactory, version: str, kept: str
) -> None:
    tensors = tensors_of(models, version)
    plain = load_checkpoint(str(models.write(CONFIGS[version], tensors)))
    words = tensors.pop("shared.weight")
    for stack in ("encoder", "decoder") if kept == "both" else (kept,):
        tensors[f"{stack}.embed_tokens.weight"] = words.copy()
    again = load_checkpoint(str(models.write(CONFIGS[version], tensors)))
    assert again.fingerprint == plain.fingerprint


@each_version
@pytest.mark.parametrize("prefix", ["", "transformer."])
def test_an_encoder_alone_does_where_no_text_is_asked_for(
    models: ModelFactory, tmp_path: Path, version: str, prefix: str
) -> None:
    """Sentence encoders and token classifiers are saved so."""
    whole = load_checkpoint(str(models.write(CONFIGS[version], tensors_of(models, version))))
    tensors = {
        prefix + name: tensor
        for name, tensor in tensors_of(models, version).items()
        if not name.startswith(("decoder.", "lm_head."))
    }
    directory = str(models.write(CONFIGS[version], tensors))
    with pytest.raises(IntertrainError, match=r"must have the tensor 'decoder\.block\.0"):
        load_checkpoint(directory)
    checkpoint = load_checkpoint(directory, texts=False)
    assert [part for part, _ in checkpoint.report.absent] == ["decoder"]
    for name in ("embeddings", "encoder"):
        for ours, theirs in zip(
            jax.tree.leaves(checkpoint.params[name]),
            jax.tree.leaves(whole.params[name]),
            strict=True,
        ):
            np.testing.assert_array_equal(ours, theirs)
    model = load_model(directory)
    assert isinstance(model, TextModel)
    with pytest.raises(IntertrainError, match="is one of an encoder alone"):
        model.generate(IDS, MASK)
    export_checkpoint(
        tmp_path / "o", checkpoint.config, checkpoint.params, None, checkpoint.hf_config
    )
    again = load_checkpoint(str(tmp_path / "o"), texts=False)
    assert again.fingerprint == checkpoint.fingerprint
    if not prefix:
        pytest.importorskip("torch", reason="compares with torch")
        report = check_model(directory)
        assert report.ok and report.parity.keys() == {"hidden states"}, report.lines()


def test_half_a_decoder_is_an_error_whatever_is_asked_for(models: ModelFactory) -> None:
    tensors = tensors_of(models, "t5")
    del tensors["decoder.final_layer_norm.weight"]
    with pytest.raises(IntertrainError, match=r"decoder\.final_layer_norm\.weight"):
        load_checkpoint(str(models.write(CONFIGS["t5"], tensors)), texts=False)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"feed_forward_proj": "gated-mish"}, "'feed_forward_proj' in config.json must be one of"),
        ({"num_layers": 0}, "'num_layers' in config.json must be a positive integer, got 0"),
        ({"num_layers": 10**9}, "'num_layers' in config.json must be at most 256, got"),
        (
            {"num_decoder_layers": 10**9},
            "'num_decoder_layers' in config.json must be at most 256",
        ),
        ({"relative_attention_num_buckets": 3}, "must be at least 4"),
        ({"relative_attention_max_distance": 4}, "more than half of it, got 8 and 4"),
        ({"decoder_start_token_id": 13}, r"'decoder_start_token_id'.* in \[0, 13\), got 13"),
        ({"tie_word_embeddings": False}, "must have the tensor 'lm_head.weight'"),
        ({"num_decoder_layers": 2}, "must have the tensor 'decoder.block.1"),
    ],
)
def test_what_does_not_fit_is_an_error_of_one_line(
    models: ModelFactory, changes: dict[str, object], message: str
) -> None:
    directory = models.write({**CONFIGS["t5"], **changes}, tensors_of(models, "t5"))
    with pytest.raises(IntertrainError, match=message) as caught:
        load_checkpoint(str(directory))
    assert "\n" not in str(caught.value)


@each_version
def test_padding_changes_nothing(make: Callable[[str], Path], version: str) -> None:
    model = load_model(str(make(version)))
    assert isinstance(model, TextModel)
    encoded = np.asarray(model.encode(IDS, MASK))
    alone = np.asarray(model.encode(IDS[1:, :3]))
    np.testing.assert_allclose(encoded[1:, :3], alone, rtol=1e-4, atol=1e-5)
    texts = np.asarray(model.generate(IDS, MASK, 4))
    np.testing.assert_array_equal(texts[1:], model.generate(IDS[1:, :3], None, 4))


@each_version
def test_texts_are_the_likeliest_tokens_one_after_another(
    make: Callable[[str], Path], version: str
) -> None:
    model = load_model(str(make(version)))
    assert isinstance(model, TextModel)
    texts = np.asarray(model.generate(IDS, MASK, 5))
    inputs = np.concatenate([np.zeros((2, 1), int), texts[:, :-1]], axis=1)
    likeliest = np.asarray(model.logits(IDS, MASK, inputs)).argmax(-1)
    for text, best in zip(texts, likeliest, strict=True):
        end = list(text).index(1) + 1 if 1 in text else 5
        assert text[:end].tolist() == best[:end].tolist() and not text[end:].any()
    assert model.logits(IDS, MASK).shape == (2, 1, 13)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [([[0, 1]], r"with B = 2, as input_ids has, got \(1, 2\)"), ([[0], [13]], r"in \[0, 13\)")],
)
def test_bad_decoder_inputs_are_named(
    make: Callable[[str], Path], inputs: object, message: str
) -> None:
    model = load_model(str(make("t5")))
    assert isinstance(model, TextModel)
    with pytest.raises(IntertrainError, match=message):
        model.logits(IDS, MASK, inputs)  # type: ignore[arg-type]


def test_an_output_is_no_part_of_a_tied_export(make: Callable[[str], Path]) -> None:
    checkpoint = load_checkpoint(str(make("t5")))
    assert tensors_from_params(checkpoint.config, checkpoint.params, None).keys() == {
        used.name for used in checkpoint.report.used
    }
