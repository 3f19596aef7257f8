"""The commands in the pages: each is run here as it stands there, or elsewhere in CI, or it installs what there is."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from student import STEPS, STUBS, filled
from test_docs import PAGES, ROOT
from test_plugin import CORRECT

SHELL = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SUITE = "pytest --pyargs verification --implementation"
THREE = '-k "exact or sizes or geometry"'
# Run here: the command; what the files that it names hold; its exit status; words that it prints.
RUN = {
    f"{SUITE} my_conv.py": (CORRECT, 0, "my_conv.py: passed"),
    f"{SUITE} path/to/my_conv.py": (CORRECT, 0, "my_conv.py: passed"),
    f"{SUITE} submission.py --verification-report report.json -q": (CORRECT, 0, "submission.py: passed"),
    f"{SUITE} submissions/anna/my_conv.py {THREE}": (CORRECT, 0, "my_conv.py: passed"),
    f"{SUITE} exercises/my_conv.py {THREE} -x": ("", 1, "my_conv.py: mistrusted"),
    "pytest exercises": ("", 1, "Next: output_size."),
    "pytest exercises --solution submissions/anna/my_conv.py": (filled(STEPS), 0, "9 passed"),
    'grep -nE "import|__|eval|exec|open" submissions/*/my_conv.py': (CORRECT, 0, "import numpy"),
}
# Run elsewhere: how the command begins, and the file that runs it.
ELSEWHERE = {
    "python -m pytest": ".ci/run",
    "bash .ci/run": ".github/workflows/ci.yml",
    "pre-commit install": ".pre-commit-config.yaml",
    "marimo run notebooks/explorer.py": "tests/test_explorer_browser.py",
    "for file in submissions/*/my_conv.py; do": "tests/test_exercises.py",
    "pytest --pyargs verification --implementation examples/": "tests/test_examples.py",
    'python -m pip install -e ".[dev]" "mutmut': "pyproject.toml",  # by hand: it takes an hour
    "python tests/mutable.py": "tests/test_mutable.py",
    "cd ../mutable": "tests/test_mutable.py",
    "mutmut": "pyproject.toml",
    "python -m pytest -n 0 -p forked": "tests/test_mutable.py",
}
OUR_MODULES = re.compile(r"python -m ((?:benchmarks|docs|verification)[\w.]*)")
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
IDS = [page.relative_to(ROOT).as_posix() for page in PAGES]


def commands(text: str) -> list[str]:
    """Return the commands in a page's shell blocks, without comments; a loop is one."""
    found: list[str] = []
    for block in SHELL.findall(text):
        lines = re.sub(r"\\\n\s*", "", re.sub(r" +#.*", "", block)).splitlines()
        parts = [block] if block.startswith("for ") else [part for line in lines for part in line.split(" && ")]
        found += [re.sub(r"^(?:[A-Z_]+=\S+ )+", "", part.strip()) for part in parts]
    return found


def is_known(command: str) -> bool:
    """Return whether somebody sees to it that a command works."""
    install = re.fullmatch(r'python -m pip install (?:-e )?"(?:\.|samesum)\[(\w+)\]"', command)
    if install is not None:
        return install[1] in EXTRAS
    return command in RUN or command.startswith(tuple(ELSEWHERE)) or OUR_MODULES.match(command) is not None


def run(command: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run a command in a shell, as somebody does who has the project installed; one check stands for all."""
    ours = ("PYTEST_PLUGINS", "PYTEST_XDIST_WORKER", "CI")
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment["PATH"]])
    few = "-p no:cacheprovider --verification-profile fast" + " -k conv2d-geometry" * ("exercises" not in command)
    environment |= {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "PYTEST_ADDOPTS": few}
    return subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=600
    )


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_every_command_is_known(page: Path) -> None:
    text = page.read_text("utf-8")
    assert [command for command in commands(text) if not is_known(command)] == [], "neither in RUN nor in ELSEWHERE"
    assert [name for name in OUR_MODULES.findall(text) if importlib.util.find_spec(name) is None] == []


def test_an_unknown_command_is_seen() -> None:
    page = (
        '```sh\nA=1 python -m pytest -q && pip install tools  # why\n```\n\n```sh\npython -m pip install "samesum[all]"\n```\n'
    )
    assert commands(page) == ["python -m pytest -q", "pip install tools", 'python -m pip install "samesum[all]"']
    assert [is_known(command) for command in commands(page)] == [True, False, False]


def test_every_command_that_is_known_is_in_a_page() -> None:
    found = [command for page in PAGES for command in commands(page.read_text("utf-8"))]
    assert set(RUN) <= set(found)
    for start, file in ELSEWHERE.items():
        assert any(command.startswith(start) for command in found), start
        assert (ROOT / file).exists()


@pytest.mark.skipif(sys.platform == "win32", reason="the pages' commands are for a POSIX shell")
@pytest.mark.parametrize("command", RUN)
def test_a_command_does_what_its_page_says(command: str, tmp_path: Path) -> None:
    text, status, words = RUN[command]
    shutil.copytree(STUBS.parent, tmp_path / "exercises", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "conftest.py", tmp_path)  # in a bare clone, it makes samesum look installed
    for name in ("my_conv.py", "path/to/my_conv.py", "submission.py", "submissions/anna/my_conv.py"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    done = run(command, tmp_path)
    assert done.returncode == status, done.stdout + done.stderr
    assert words in done.stdout


def test_the_options_of_our_own_programs() -> None:
    found = {c for page in PAGES for c in commands(page.read_text("utf-8")) if OUR_MODULES.match(c)}
    assert found
    for command in found:
        # --help comes last: what stands before it has been understood by then
        arguments = [*command.removeprefix("python ").split(), "--help"]
        done = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
        assert (done.returncode, done.stderr) == (0, ""), command
