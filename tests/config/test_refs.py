"""Names of models in all the ways people write them, one at a time and in lists."""

from __future__ import annotations

from pathlib import Path

import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.refs import (
    ModelRef,
    bundled_lists,
    check_models,
    is_directory,
    read_model_list,
)

HUB = "https://huggingface.co"


@pytest.mark.parametrize(
    "text",
    [
        "org/name",
        "name",
        "_fuzzy/Name-1.0_x",
        "org/name@v1.2",
        "org/name@0123456789abcdef0123456789abcdef01234567",
        "org/name@refs/pr/1",
        "name@refs/pr/1",
        "org/name@feature/x",
        "dir@home/model",
        "/srv/models/a@b/model",
        "package:carrier/model",
        "quickstart",
        "@odd",
        "./a",
        "~/b",
        "~nobody-of-that-name/b",
        "x" * 300,
    ],
)
def test_a_label_is_what_was_written_and_reads_back(text: str) -> None:
    # Records and tables of earlier versions are found by these labels.
    assert ModelRef.parse(text).label == text
    assert ModelRef.parse(f"  {text} ") == ModelRef.parse(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("org/name", ModelRef("org/name")),
        ("org/name@v1.2", ModelRef("org/name", "v1.2")),
        ("org/name@refs/pr/1", ModelRef("org/name", "refs/pr/1")),
        ("name@refs/pr/1", ModelRef("name", "refs/pr/1")),
        ("org/name@feature/x", ModelRef("org/name", "feature/x")),
        ("org/name/", ModelRef("org/name")),
        ("dir@home/model", ModelRef("dir@home/model")),
        (HUB + "/org/name", ModelRef("org/name")),
        (HUB + "/org/name/", ModelRef("org/name")),
        (HUB + "/org/name?library=transformers#usage", ModelRef("org/name")),
        (HUB + "/name", ModelRef("name")),
        (HUB + "/name/tree/main", ModelRef("name", "main")),
        (HUB + "/org/name/tree/v1.0/", ModelRef("org/name", "v1.0")),
        (HUB + "/org/name/tree/refs%2Fpr%2F1", ModelRef("org/name", "refs/pr/1")),
        (HUB + "/org/name/tree/refs/pr/1", ModelRef("org/name", "refs/pr/1")),
        (HUB + "/org/name/commit/0123abc", ModelRef("org/name", "0123abc")),
        (HUB + "/org/name/commits/main", ModelRef("org/name", "main")),
        (HUB + "/org/name/blob/main/config.json", ModelRef("org/name", "main")),
        (HUB + "/org/name/blob/refs%2Fpr%2F1/a/b.json", ModelRef("org/name", "refs/pr/1")),
        (HUB + "/org/name/resolve/v2/x.bin?download=true", ModelRef("org/name", "v2")),
        (HUB + "/org/name@v1", ModelRef("org/name", "v1")),
        (HUB + "/org/name.git", ModelRef("org/name")),
        (HUB + "/api/models/org/name", ModelRef("org/name")),
        ("http://huggingface.co/org/name", ModelRef("org/name")),
        ("https://www.huggingface.co/org/name", ModelRef("org/name")),
        ("HTTPS://HuggingFace.co/org/name", ModelRef("org/name")),
        ("huggingface.co/org/name", ModelRef("org/name")),
        ("https://hf.co/org/name", ModelRef("org/name")),
        ("hf.co/org/name/tree/v1", ModelRef("org/name", "v1")),
        ("hf://org/name", ModelRef("org/name")),
        ("hf://models/org/name", ModelRef("org/name")),
        ("hf://org/name@v1", ModelRef("org/name", "v1")),
        ("org/name @ v1", ModelRef("org/name", "v1")),
        ("hf://org/name@refs/pr/1", ModelRef("org/name", "refs/pr/1")),
        ("hf://org/name@refs%2Fpr%2F1/config.json", ModelRef("org/name", "refs/pr/1")),
    ],
)
def test_spellings(text: str, expected: ModelRef) -> None:
    assert ModelRef.parse(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HUB, "must be the address of a model"),
        (HUB + "/datasets/org/name", "must be the address of a model"),
        (HUB + "/spaces/org/name", "must be the address of a model"),
        (HUB + "/models?search=x", "must be the address of a model"),
        (HUB + "/org/na..me", "must be the address of a model"),
        ("hf://datasets/org/name", "must be the address of a model"),
        (HUB + "/org/name/discussions/1", r"its page 'discussions'. Give .*@refs/pr/N"),
        (HUB + "/org/name/tree/main/folder", "must be a whole repository"),
        (HUB + "/org/name@v1/tree/v2", "names revision 'v1', and beside it 'v2'"),
        ("https://example.org/org/name", "or an address on huggingface.co"),
        ("s3://bucket/model", "or an address on huggingface.co"),
    ],
)
def test_addresses_that_are_no_models(text: str, message: str) -> None:
    with pytest.raises(IntertrainError, match=message) as caught:
        ModelRef.parse(text)
    assert "\n" not in str(caught.value)


def test_a_directory_is_itself_whatever_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("model@2", "org/name@main", "huggingface.co/org/name", "a,b", "org/name/"):
        (tmp_path / name).mkdir(parents=True)
        assert ModelRef.parse(name) == ModelRef(name)


def test_a_path_is_a_directory(tmp_path: Path) -> None:
    assert ModelRef.parse(tmp_path) == ModelRef.of(tmp_path, None) == ModelRef(str(tmp_path))


def test_a_revision_may_stand_beside_the_reference() -> None:
    assert ModelRef.of("org/name", "v1") == ModelRef("org/name", "v1")
    assert ModelRef.of("org/name@v1", None) == ModelRef("org/name", "v1")
    assert ModelRef.of(f"{HUB}/org/name/tree/v1", "v1") == ModelRef("org/name", "v1")
    with pytest.raises(IntertrainError, match="'v1', and beside it 'v2'"):
        ModelRef.of("org/name@v1", "v2")


def test_two_spellings_of_one_model_are_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own").mkdir()
    check_models("models", ["own", "org/own", "org/own@v1", "org/own@v2"])
    for pair in (("own", "./own/"), ("org/a", f"{HUB}/org/a/"), ("org/a@v1", "hf://org/a@v1")):
        with pytest.raises(IntertrainError, match=f"got both '{pair[0]}' and '{pair[1]}'"):
            check_models("models", pair)


def test_what_is_no_path_is_no_directory(tmp_path: Path) -> None:
    assert is_directory(str(tmp_path))
    for text in ("", "\0", "x" * 5000, "~nobody-of-that-name/x", str(tmp_path / "gone")):
        assert not is_directory(text)


def test_a_list_has_comments_and_names_the_pretrained_model(tmp_path: Path) -> None:
    path = tmp_path / "models.txt"
    path.write_text("# people\n\npretrained: org/base  # PT\norg/a # first\norg/b#2\n")
    found = read_model_list(str(path))
    assert found.pretrained == "org/base"
    assert found.models == ("org/a", "org/b#2")


def test_a_list_as_people_write_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one, two").mkdir()
    lines = [
        "\ufeffhttps://huggingface.co/org/a",
        '"org/b"',
        "- org/c",
        "* `org/d`",
        "org/e, 'org/f',",
        "one, two",
        'pretrained: "org/base"',
    ]
    Path("models.txt").write_text("\r\n".join(lines), "utf-8")
    found = read_model_list("models.txt")
    assert found.models == ("org/a", "org/b", "org/c", "org/d", "org/e", "org/f", "one, two")
    assert found.pretrained == "org/base"


@pytest.mark.parametrize(
    "text",
    [
        "models:\n  - org/a\n  - org/b\n",
        "models: [org/a, org/b]",
        '["org/a", "org/b"]',
        '[\n  "org/a",\n  "org/b"\n]\n',
        "1. org/a\n2) org/b\n",
        "+ org/a\n• org/b\n",
        "“org/a”\n‘org/b’\n",
        "<https://hf.co/org/a>\n- [the second](https://hf.co/org/b)\n",
        "\u200borg/a\u200b\n\u00a0org/b\ufeff\n",
    ],
)
def test_a_list_copied_from_elsewhere(tmp_path: Path, text: str) -> None:
    (tmp_path / "list.txt").write_text(text, "utf-8")
    assert read_model_list(str(tmp_path / "list.txt")).models == ("org/a", "org/b")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_a_list_of_any_usual_encoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("modèles").mkdir()
    Path("list.txt").write_bytes("# à moi\r\norg/a\r\nmodèles\r\n".encode(encoding))
    assert read_model_list("list.txt").models == ("org/a", "modèles")


@pytest.mark.parametrize(
    "content", [b"\x93\x81\x8d", b"\xff\xfeo", b"org/a\n\xc3\xa9\xff\n"], ids=repr
)
def test_a_list_that_is_no_text_says_why(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes(content)
    with pytest.raises(IntertrainError, match=r"^model list .*list.txt' cannot be read \(.*codec"):
        read_model_list(str(path))


def test_a_list_names_each_model_once(tmp_path: Path) -> None:
    path = tmp_path / "models.txt"
    path.write_text("org/a\norg/b\norg/a\n")
    with pytest.raises(IntertrainError, match="each model once, got org/a repeatedly"):
        read_model_list(str(path))


def test_a_list_that_is_not_there_is_named_with_the_nearest() -> None:
    with pytest.raises(IntertrainError, match=r"model list 'roberta66'.*Did you mean 'roberta-66'"):
        read_model_list("roberta66")


def test_the_papers_models_come_with_the_package() -> None:
    lists = {name: read_model_list(name) for name in bundled_lists()}
    assert set(lists) == {"roberta-66", "t5-25"}
    # Rows of the paper's tables, less models in two groups and names that cannot be completed.
    assert len(lists["roberta-66"].models) == 63
    assert len(lists["t5-25"].models) == 22
    assert lists["roberta-66"].pretrained == "FacebookAI/roberta-base"
    assert lists["t5-25"].pretrained == "google-t5/t5-small"
    for found in lists.values():
        assert all(model.count("/") == 1 and "..." not in model for model in found.models)


def test_of_a_table_the_column_of_models_is_read(tmp_path: Path) -> None:
    file = tmp_path / "ranking.csv"
    for separator in ",;\t":
        lines = ["rank,model,score", "1,org/a,3.5", '2,"org/b",3.1', "3,,"]
        file.write_text("\n".join(lines).replace(",", separator), "utf-8")
        assert read_model_list(str(file)).models == ("org/a", "org/b")


def test_a_list_names_a_model_whatever_stands_before_its_lines(tmp_path: Path) -> None:
    file = tmp_path / "models.txt"
    file.write_text("- Pretrained: org/base\n- org/a\n", "utf-8")
    found = read_model_list(str(file))
    assert (found.pretrained, found.models) == ("org/base", ("org/a",))
    for text, said in (
        ("# none yet\n\n", "must name a model, but names none"),
        ("pretrained:\norg/a\n", "'pretrained:' must name a model"),
    ):
        file.write_text(text, "utf-8")
        with pytest.raises(IntertrainError, match=said):
            read_model_list(str(file))
