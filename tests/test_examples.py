"""The adapters in examples/: each speaks the contract's words, is on its page, and works where its library is installed."""

import ast
import importlib
import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from examples import rounds_up
from test_layering import imports
from verification.compare import judge
from verification.forms import VALUES, cast, plain
from verification.implementation import ARGUMENTS, OPERATIONS, OPTIONS, Implementation
from verification.operations import CONVOLUTIONS
from verification.oracles.exact import expected
from verification.outcome import Log
from verification.runner import call

ROOT = Path(__file__).parent.parent
ADAPTERS = sorted(path for path in ROOT.glob("examples/*.py") if path.name != "__init__.py")
PAGE = (ROOT / "docs" / "examples.md").read_text("utf-8")
CONV_VALUES = {"stride": 2, "padding": 1, "dilation": 2}
each_adapter = pytest.mark.parametrize("path", ADAPTERS, ids=lambda path: path.stem)


def libraries(path: Path) -> set[str]:
    """Return the libraries that a file imports."""
    return set(imports(ast.parse(path.read_text("utf-8")))) - set(sys.stdlib_module_names) - {"numpy", "examples"}


def functions(path: Path) -> list[ast.FunctionDef]:
    """Return the functions of the contract that a file defines."""
    found = [node for node in ast.parse(path.read_text("utf-8")).body if isinstance(node, ast.FunctionDef)]
    return [node for node in found if node.name in OPERATIONS]


def need(path: Path) -> None:
    """Skip the test if what a file imports is not installed."""
    for name in sorted(libraries(path)):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed")


@each_adapter
def test_its_functions_take_what_the_contract_names(path: Path) -> None:
    assert functions(path)
    for node in functions(path):
        given = tuple(argument.arg for argument in node.args.args)
        assert given == ARGUMENTS[node.name][: len(given)], node.name
        assert {argument.arg for argument in node.args.kwonlyargs} <= set(OPTIONS[node.name]), node.name


@each_adapter
def test_it_is_on_the_page_with_its_functions(path: Path) -> None:
    (row,) = (line for line in PAGE.splitlines() if line.startswith(f"| [{path.stem}]"))
    for node in functions(path):
        assert f"`{node.name}`" in row
    assert f"--implementation examples/{path.name}" in PAGE


@each_adapter
def test_the_extra_installs_what_it_imports(path: Path) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    assert libraries(path)
    assert libraries(path) <= {re.split(r"[\[<>=]", requirement)[0] for requirement in extras["examples"]}


def test_the_package_loads_no_library() -> None:
    names = sorted(set().union(*map(libraries, ADAPTERS)))
    code = f"import sys, examples; print([name for name in {names} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"


@each_adapter
@pytest.mark.filterwarnings("ignore")  # what a library warns of while it is loaded is its own affair
def test_it_gives_what_is_right(path: Path) -> None:
    need(path)
    adapter = Implementation.of(importlib.import_module(f"examples.{path.stem}"), path.stem)
    for operation in adapter.functions:
        values = CONV_VALUES if operation in CONVOLUTIONS else VALUES
        calls = [{}, *({name: value} for name, value in values.items() if adapter.accepts(operation, name))]
        for case in (cast(plain(operation, options), np.dtype(np.float32)) for options in calls):
            judge(case, expected(case), call(adapter, case), Log(), adapter.error_class(operation))  # within its bound


def test_windows_that_do_not_tile_are_the_adapters_business() -> None:
    assert [rounds_up(rounding, (1, 5, 8), 2, None, (1, 0)) for rounding in ("floor", "ceil")] == [False, True]
    assert not rounds_up("exact", (1, 5, 8), (3, 4), (2, 2), 0)
    assert not rounds_up("exact", (1, 7, 9), 2, (2, 3), 0, (4, 2))
    for shape, stride in (((1, 7, 8), None), ((1, 8, 7), None), ((1, 5, 6), 3)):
        with pytest.raises(ValueError, match="do not tile"):
            rounds_up("exact", shape, 2, stride, 0)
    with pytest.raises(ValueError, match="unknown rounding 'up'"):
        rounds_up("up", (1, 8, 8), 2, None, 0)


@pytest.mark.parametrize("block", re.findall(r"^```py\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
@pytest.mark.filterwarnings("ignore")
def test_a_case_on_the_page_prints_what_stands_there(block: str, capsys: pytest.CaptureFixture[str]) -> None:
    for name in re.findall(r"^from examples\.(\w+) import", block, re.MULTILINE):
        need(ROOT / "examples" / f"{name}.py")
    exec(block, {})
    wanted = re.findall(r"^print\(.*\)  # (.*)$", block, re.MULTILINE)
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [text.split() for text in wanted]
    assert wanted
