"""Files of `examples/cluster/`, and commands of the document on them, are what their readers take."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from intertrain_jax.cli import main
from intertrain_jax.config.experiment import load_config


def commands(text: str) -> list[list[str]]:
    """Returns the words of every `intertrain-jax` command of a text."""
    joined = re.sub(r"\\\n\s*", "", text)
    found = re.findall(r"^\s*\$?\s*intertrain-jax (.+?)(?: &)?$", joined, re.MULTILINE)
    return [shlex.split(words) for words in found]


def check(words: list[str]) -> None:
    """Parses a command as the command line does, and reads the configuration that it names."""
    verb, *rest = words
    context = main.make_context("intertrain-jax", [verb], resilient_parsing=True)
    command = main.get_command(context, verb)
    assert command is not None, verb
    command.make_context(verb, list(rest), parent=context)
    if "--config" in rest:
        load_config(rest[rest.index("--config") + 1])


def test_a_command_that_is_wrong_is_seen() -> None:
    with pytest.raises(Exception, match="--wrokers"):
        check(["grid", "--wrokers", "2"])


def test_commands_of_the_document_are_valid(repository: Path) -> None:
    found = commands((repository / "docs" / "cluster.md").read_text("utf-8"))
    assert {words[0] for words in found} == {"grid", "status"}
    for words in found:
        check(words)


def test_the_sbatch_file_is_bash_and_its_command_is_valid(repository: Path) -> None:
    file = repository / "examples" / "cluster" / "grid.sbatch"
    bash = shutil.which("bash")
    assert bash is not None
    subprocess.run([bash, "-n", str(file)], check=True)
    text = file.read_text("utf-8")
    (words,) = commands(text)
    assert words == ["grid", "--workers", "$head:$port", "$@"]
    # How it is sent, as its head says and as the document does.
    sent = "--config paper/inhouse-roberta --out /shared/results/inhouse"
    document = (repository / "docs" / "cluster.md").read_text("utf-8")
    assert sent in text and sent in document
    check(["grid", "--workers", "node:20001", *sent.split()])


def test_the_rayjob_is_one_and_its_command_is_valid(repository: Path) -> None:
    text = (repository / "examples" / "cluster" / "rayjob.yaml").read_text("utf-8")
    job = yaml.safe_load(text)
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    ((verb, *words),) = commands(job["spec"]["entrypoint"])
    check([verb, *words])
    cluster = job["spec"]["rayClusterSpec"]
    head = cluster["headGroupSpec"]["template"]["spec"]
    (container,), (group,) = head["containers"], cluster["workerGroupSpecs"]
    (worker,) = group["template"]["spec"]["containers"]
    assert container["image"] == worker["image"]
    # What the head writes is in a volume that it has.
    mounted = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert words[words.index("--out") + 1].startswith(mounted["results"])
    assert [volume["name"] for volume in head["volumes"]] == list(mounted)
    assert worker["resources"]["limits"]["nvidia.com/gpu"] == 1
