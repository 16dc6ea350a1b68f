"""What is installed, and what importing it must not cost."""

from __future__ import annotations

import configparser
import re
import subprocess
import sys
from pathlib import Path

import pytest

import intertrain_jax

HEAVY = (
    *("jax", "flax", "optax", "orbax", "torch", "transformers", "datasets"),
    *("pandas", "scipy", "matplotlib"),
)


def setup_cfg(repository: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(repository / "setup.cfg", "utf-8")
    return parser


def test_every_package_is_installed(repository: Path) -> None:
    listed = set(setup_cfg(repository)["options"]["packages"].split())
    found = {
        ".".join(path.parent.relative_to(repository).parts)
        for path in (repository / "intertrain_jax").rglob("*.py")
    }
    assert listed == found | {"intertrain_jax.configs"}
    for package in found:
        assert (repository / package.replace(".", "/") / "__init__.py").is_file()


def test_every_configuration_is_package_data(repository: Path) -> None:
    patterns = setup_cfg(repository)["options.package_data"]["intertrain_jax.configs"].split()
    covered = {path for pattern in patterns for path in (repository / "configs").glob(pattern)}
    files = (repository / "configs").rglob("*")
    assert covered == {path for path in files if path.suffix in (".yaml", ".txt")}


def test_torch_is_never_required(repository: Path) -> None:
    required = setup_cfg(repository)["options"]["install_requires"]
    assert not re.search(r"^(torch|accelerate)\b", required, re.MULTILINE)


def test_version_is_a_release() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", intertrain_jax.__version__)


def test_unknown_attribute_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'load_modle'"):
        _ = intertrain_jax.load_modle


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["grid", "--help"], ["plan", "-h"], ["analyze", "-h"]],
)
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys; from intertrain_jax.cli import main\n"
        f"try: main({arguments!r})\nexcept SystemExit as end: assert not end.code, end.code\n"
        f"print('HEAVY', [m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "HEAVY []"


def test_help_imports_little() -> None:
    """What help imports is counted, as its time depends on the machine."""
    code = (
        "import sys, click; before = len(sys.modules); from intertrain_jax.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: print('MODULES', len(sys.modules) - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout.splitlines()[-1].split()[1]) < 150


@pytest.mark.parametrize(
    "module",
    [
        *(
            "workflows.grid",
            "workflows.inputs",
            "workflows.studies",
            "cli.tasks",
            "planning.estimates",
            "planning.status",
            "workflows.plan",
        ),
        *("report.analysis", "report.terminal", "study.files", "study.analyse"),
    ],
)
def test_planning_and_analysis_do_not_import_jax(module: str) -> None:
    code = f"import sys, intertrain_jax.{module}; sys.exit('jax' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_readme_has_the_two_commands_that_ci_runs(repository: Path) -> None:
    blocks = re.findall(
        r"^```sh\n(.*?)^```$", (repository / "README.md").read_text("utf-8"), re.M | re.S
    )
    first, second = (line for block in blocks[:2] for line in block.splitlines())
    assert "pip install ." in first
    assert first.endswith("intertrain-jax grid --seeds 5")
    assert second == "pip install '.[test]' && pytest"
    awk = "awk '/^```sh$/ {on = 1; next} /^```$/ {on = 0} on' README.md | head -n 2"
    assert awk in (repository / ".ci" / "run").read_text("utf-8")
    shown = subprocess.run(
        awk, shell=True, cwd=repository, capture_output=True, text=True, check=True
    )
    assert shown.stdout.splitlines() == [first, second]
