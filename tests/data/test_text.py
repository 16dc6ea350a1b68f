"""Tokens equal the tokenizer's own, are cached by content, and a broken cache is rebuilt."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from intertrain_jax.base import IntertrainError
from intertrain_jax.data import text
from intertrain_jax.data.text import encode_rows, tokenizer_fingerprint

WORDS = "the cat sat on a mat and slept".split()
PAIRS = [("the cat sat", "a mat"), ("slept", "the cat sat on the mat and slept and slept")]


@pytest.fixture
def tokenizer_dir(tmp_path: Path) -> Path:
    """A word-level tokenizer with BERT's template and token types."""
    vocabulary = {w: i for i, w in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )
    fast.save_pretrained(tmp_path / "tokenizer")
    return tmp_path / "tokenizer"


@pytest.mark.parametrize("max_length", [6, 40])
@pytest.mark.parametrize("pairs", [True, False])
def test_tokens_are_the_tokenizers(
    tokenizer_dir: Path, tmp_path: Path, max_length: int, pairs: bool
) -> None:
    texts = PAIRS if pairs else [(a,) for a, _ in PAIRS]
    split = encode_rows(texts, [0, 1], False, tokenizer_dir, max_length, tmp_path / "cache")
    reference = AutoTokenizer.from_pretrained(tokenizer_dir)
    for i, example in enumerate(texts):
        expected = reference(
            *example, truncation="longest_first", max_length=max_length, return_token_type_ids=True
        )
        tokens = split.tokens[split.offsets[i] : split.offsets[i + 1]]
        assert tokens.tolist() == expected["input_ids"]
        assert split.boundaries[i] == expected["token_type_ids"].count(0)
    assert split.tokens.dtype == np.uint16 and split.labels.dtype == np.int32


def test_types_are_given_only_where_the_tokenizer_declares_them(tokenizer_dir: Path) -> None:
    """As its own call does: a model that was never shown types must not be given any."""
    settings = tokenizer_dir / "tokenizer_config.json"
    declared = json.loads(settings.read_text())
    declared["model_input_names"] = ["input_ids", "attention_mask"]
    settings.write_text(json.dumps(declared))
    assert "token_type_ids" not in AutoTokenizer.from_pretrained(tokenizer_dir)("the", "cat")
    split = encode_rows(PAIRS, [0, 1], False, tokenizer_dir, 40, None)
    assert split.boundaries.tolist() == np.diff(split.offsets).tolist()


def test_a_tokenizer_that_knows_no_word_is_refused(tokenizer_dir: Path) -> None:
    """Without the file of its vocabulary a tokenizer may be loaded: all texts would be one."""
    settings = tokenizer_dir / "tokenizer_config.json"
    settings.write_text(json.dumps({**json.loads(settings.read_text()), "sep_token": "[SEP]"}))
    strange = [(f"qx{k} qy{k}",) for k in range(20)]
    with pytest.raises(IntertrainError, match=r"knows no word of the texts: all are its '\[UNK\]'"):
        encode_rows(strange, [0] * 20, False, tokenizer_dir, 9, None)
    # One word is enough, few texts say nothing, and blank ones are of no words.
    assert len(encode_rows([*strange, ("the",)], [0] * 21, False, tokenizer_dir, 9, None)) == 21
    assert len(encode_rows(strange[:19], [0] * 19, False, tokenizer_dir, 9, None)) == 19
    assert len(encode_rows([("",)] * 20, [0] * 20, False, tokenizer_dir, 9, None)) == 20


def test_ids_beyond_the_number_of_words_stay_what_they_are(tokenizer_dir: Path) -> None:
    """Words may have any ids: such an id must never become another one in a smaller type."""
    file = tokenizer_dir / "tokenizer.json"
    content = json.loads(file.read_text())
    content["model"]["vocab"]["cat"] = 70_001
    file.write_text(json.dumps(content))
    split = encode_rows([("the cat",)], [0], False, tokenizer_dir, 9, None)
    assert 70_001 in split.tokens.tolist() and split.tokens.dtype == np.int32


def test_a_panic_of_the_tokenizers_library_is_an_error_of_one_line(
    tokenizer_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class PanicException(BaseException):
        pass

    def panic(*given: object, **options: object) -> None:
        raise PanicException("index out of bounds\nin a library")

    monkeypatch.setattr(AutoTokenizer, "from_pretrained", panic)
    with pytest.raises(
        IntertrainError, match=r"cannot be loaded: RuntimeError.*panicked"
    ) as caught:
        encode_rows(PAIRS, [0, 1], False, tokenizer_dir, 9, None)
    assert "\n" not in str(caught.value)
    monkeypatch.undo()
    monkeypatch.setattr(PreTrainedTokenizerFast, "__call__", panic)
    with pytest.raises(RuntimeError, match="panicked"):
        encode_rows(PAIRS, [0, 1], False, tokenizer_dir, 9, None)


def test_a_strange_configuration_of_the_model_is_no_matter_of_its_tokenizer(
    tokenizer_dir: Path,
) -> None:
    whole = encode_rows(PAIRS, [0, 1], False, tokenizer_dir, 9, None)
    config = {"model_type": "bert", "id2label": {"zero": "a"}, "initializer_range": 0}
    (tokenizer_dir / "config.json").write_text(json.dumps(config))
    with pytest.raises(Exception, match=r"zero|initializer_range"):
        AutoTokenizer.from_pretrained(tokenizer_dir)
    again = encode_rows(PAIRS, [0, 1], False, tokenizer_dir, 9, None)
    assert again.tokens.tolist() == whole.tokens.tolist()


@pytest.mark.parametrize("name", ["tokenizer.json", "spiece.model"])
def test_a_file_that_was_not_fetched_is_said(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "t5"}))
    with pytest.raises(IntertrainError, match=r"pointer of Git LFS.*git lfs pull"):
        encode_rows(PAIRS, [0, 1], False, tmp_path, 9, None)


@pytest.mark.parametrize(
    ("file", "kind", "model_type"),
    [
        ("spiece.model", "T5Tokenizer", "t5"),
        ("sentencepiece.bpe.model", "XLMRobertaTokenizer", "xlm-roberta"),
        ("sentencepiece.bpe.model", "CamembertTokenizer", "camembert"),
    ],
)
def test_a_tokenizer_may_be_one_file_of_sentencepiece(
    tmp_path: Path, file: str, kind: str, model_type: str
) -> None:
    """As finetuned copies of older models are."""
    trainer = pytest.importorskip("sentencepiece", reason="trains a tokenizer").SentencePieceTrainer
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("\n".join(" ".join(WORDS[k % 4 :] + WORDS[:k]) for k in range(200)))
    ids = {"pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1} if model_type == "t5" else {}
    trainer.train(
        input=str(corpus),
        model_prefix=str(tmp_path / "made"),
        vocab_size=40,
        hard_vocab_limit=False,
        minloglevel=2,
        **ids,
    )
    (tmp_path / "made.model").rename(tmp_path / file)
    settings = {"tokenizer_class": kind, **({"extra_ids": 5} if model_type == "t5" else {})}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    (tmp_path / "config.json").write_text(json.dumps({"model_type": model_type}))
    split = encode_rows([("the cat",), ("the cat sat",)], [0, 1], False, tmp_path, 20, None)
    short, long = (split.tokens[a:b].tolist() for a, b in pairwise(split.offsets))
    assert 3 <= len(short) < len(long) and short[-1] == long[-1], "words, and one end"
    assert split.boundaries.tolist() == [len(short), len(long)]


def test_tokens_are_cached_by_content(
    tokenizer_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    original = text._tokenise

    def counting(*args: object) -> object:
        calls.append(1)
        return original(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(text, "_tokenise", counting)

    def encode(texts: list[tuple[str, ...]] = PAIRS, length: int = 9) -> object:
        return encode_rows(texts, [0, 1], False, tokenizer_dir, length, tmp_path / "cache")

    encode()
    again = encode()
    assert len(calls) == 1 and isinstance(again.tokens, np.memmap)  # type: ignore[attr-defined]
    encode(length=8)
    encode([("the", "cat"), ("a", "mat")])
    assert len(calls) == 3


@pytest.mark.parametrize("damage", ["truncate", "marker", "mismatch"])
def test_a_broken_cache_is_rebuilt(tokenizer_dir: Path, tmp_path: Path, damage: str) -> None:
    cache = tmp_path / "cache"
    whole = encode_rows(PAIRS, [0, 1], False, tokenizer_dir, 9, cache)
    expected, folder = whole.tokens.tolist(), next(cache.iterdir())
    if damage == "truncate":
        (folder / "tokens.npy").write_bytes((folder / "tokens.npy").read_bytes()[:-8])
    elif damage == "marker":
        (folder / "whole").unlink()
        np.save(folder / "tokens.npy", np.zeros(len(expected), np.uint16))
    else:
        np.save(folder / "tokens.npy", np.zeros(3, np.uint16))
    again = encode_rows(PAIRS, [0, 1], False, tokenizer_dir, 9, cache)
    assert again.tokens.tolist() == expected


def test_a_model_without_tokenizer_is_named(tmp_path: Path) -> None:
    with pytest.raises(IntertrainError, match="has no tokenizer"):
        tokenizer_fingerprint(tmp_path)
