"""The copy that mutmut works on: every function is without a decorator, and is what it was; and how its mutants are tried."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from mutable import undecorated

ROOT = Path(__file__).parent.parent
SOURCES = sorted([*ROOT.glob("naive/*.py"), *ROOT.glob("vectorized/*.py")])


def test_a_decorator_becomes_a_call() -> None:
    source = '@np.errstate(all="ignore")  # why\ndef f(\n    x,\n): ...\ndef g(): ...\n'
    assert undecorated(source) == 'def f(\n    x,\n): ...\ndef g(): ...\nf = np.errstate(all="ignore")(f)\n'
    source = 'class A: ...\nclass B(A):\n    @np.errstate(all="ignore")\n    def f(self): ...\nclass C: ...\n'
    assert undecorated(source) == (
        'class A: ...\nclass B(A):\n    def f(self): ...\nclass C: ...\nB.f = np.errstate(all="ignore")(B.f)\n'
    )
    source = "@cache\ndef f(): ...\n@lru_cache(maxsize=9)  # why\ndef g(): ...\n@contextmanager\ndef h(): ...\n"
    assert undecorated(source) == (
        "def f(): ...\ndef g(): ...\ndef h(): ...\nf = cache(f)\ng = lru_cache(maxsize=9)(g)\nh = contextmanager(h)\n"
    )


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_decorator_is_left_but_those_of_types(path: Path) -> None:
    source = path.read_text("utf-8")
    changed = undecorated(source)
    assert {line for line in changed.splitlines() if line.strip().startswith("@")} <= {"@overload"}
    assert changed.count("np.errstate(") == source.count("np.errstate(")


def test_what_the_configuration_names_exists() -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["mutmut"]
    for name in (*config["source_paths"], *config["also_copy"], *config["pytest_add_cli_args_test_selection"]):
        assert (ROOT / name).exists(), name


MODULE = """
import os

def orig(n): return n + 1
def larger(n): return n + 2
def ends(n): os.kill(os.getpid(), 9)
def same(n): return 1 + n

mutants_x_f__mutmut = {"_mutmut_orig": orig, "x_f__mutmut_1": larger, "x_f__mutmut_2": same, "x_f__mutmut_3": ends}

def f(n): return mutants_x_f__mutmut.get(os.environ.get("MUTANT_UNDER_TEST", "").removeprefix("module."), orig)(n)
"""
TESTS = """
from module import f

def test_that_knows_nothing(): assert f(9) > 9
def test_of_f(): assert f(1) == 2
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="mutants are tried in forks")
def test_mutants_are_tried_in_forks(tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(MODULE, "utf-8")
    (tmp_path / "test_module.py").write_text(TESTS, "utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "forked", "--mutants", "module", "--results", "results.json", "-x"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment["PYTHONPATH"] = str(ROOT / "tests")
    subprocess.run([*command, "-p", "no:cacheprovider"], cwd=tmp_path, env=environment, check=True, capture_output=True)
    assert json.loads((tmp_path / "results.json").read_text("utf-8")) == {
        "module.x_f__mutmut_1": "test_module.py::test_of_f",
        "module.x_f__mutmut_2": None,
        "module.x_f__mutmut_3": "ended by 9",
    }
