"""Who may import whom: numpy <- contract <- naive, vectorized, verification; torch is only ever judge, rival or example."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NUMPY = {"numpy"}
VERIFICATION = {"numpy", "contract", "verification", "hypothesis", "pytest"}
RIVALS = {"torch", "matplotlib", "psutil", "rich", "threadpoolctl"}
EXAMPLES = {"numpy", "examples"}
# What a file may import beside the standard library: the rule of the longest path that it lies under.
ALLOWED = {
    "contract.py": NUMPY,
    "naive": {"numpy", "contract", "naive"},
    "vectorized": {"numpy", "contract", "vectorized", "threadpoolctl"},
    "verification": VERIFICATION,
    "verification/oracles/torch.py": VERIFICATION | {"torch"},
    "benchmarks": {"numpy", "contract", "naive", "vectorized", "verification", "benchmarks"} | RIVALS,
    "examples": EXAMPLES,
    "examples/jax_lax.py": EXAMPLES | {"jax"},
    "examples/onnx_runtime.py": EXAMPLES | {"onnx", "onnxruntime"},
    "examples/pytorch.py": EXAMPLES | {"torch"},
    "examples/scipy_ndimage.py": EXAMPLES | {"scipy"},
    "examples/scipy_signal.py": EXAMPLES | {"scipy"},
    "examples/tinygrad_tensor.py": EXAMPLES | {"tinygrad"},
}
# Where a module may be imported by a name worked out at run time: implementations by the loader; its own parts, when needed.
BY_NAME = {"verification/loader.py", "verification/__init__.py", "verification/checks/__init__.py", "benchmarks"}
# The reference makes arrays, adds, takes maxima and names dtypes: NumPy does no more for it.
NAIVE_NUMPY = {"np.empty", "np.zeros", "np.zeros_like", "np.sum", "np.max", "np.int64", "np.newaxis", "np.errstate"}


def files() -> list[Path]:
    """Return every file that a rule holds for."""
    found = [ROOT / "contract.py"]
    for package in ("naive", "vectorized", "verification", "benchmarks", "examples"):
        found += sorted((ROOT / package).rglob("*.py"))
    return found


def rule(path: str, rules: dict[str, set[str]]) -> set[str]:
    """Return the rule for a file: that of the longest path that it lies under."""
    return rules[max((r for r in rules if path == r or path.startswith(f"{r}/")), key=len)]


def imports(tree: ast.AST) -> Iterator[str]:
    """Yield the top name of each module that a file imports; a relative import, and a name at run time, as "."."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." if node.level or node.module is None else node.module.partition(".")[0]
        elif isinstance(node, ast.Name | ast.Attribute):
            name = node.id if isinstance(node, ast.Name) else node.attr
            if name in ("__import__", "import_module", "exec_module"):
                yield "."


def violations(path: str, source: str) -> set[str]:
    """Return what a file imports and may not."""
    allowed = rule(path, ALLOWED) | set(sys.stdlib_module_names)
    if any(path == by or path.startswith(f"{by}/") for by in BY_NAME):
        allowed.add(".")
    return set(imports(ast.parse(source))) - allowed


@pytest.mark.parametrize("path", files(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_are_those_of_the_design(path: Path) -> None:
    assert violations(path.relative_to(ROOT).as_posix(), path.read_text("utf-8")) == set()


@pytest.mark.parametrize(
    ("path", "source", "found"),
    [
        ("contract.py", "import naive.conv", {"naive"}),
        ("naive/conv.py", "from vectorized.windows import windows", {"vectorized"}),
        ("naive/new.py", "def f():\n    from . import conv", {"."}),
        ("vectorized/conv.py", "import naive", {"naive"}),
        ("vectorized/conv.py", "import importlib\nimportlib.import_module('na' + 'ive')", {"."}),
        ("verification/checks/agreement.py", "import numpy, torch", {"torch"}),
        ("verification/oracles/exact.py", "from torch.nn import functional", {"torch"}),
        ("verification/oracles/torch.py", "import torch, naive", {"naive"}),
        ("verification/loader.py", "import importlib, vectorized\nimportlib.import_module(name)", {"vectorized"}),
        ("benchmarks/worker.py", "import torch, naive, scipy", {"scipy"}),
        ("examples/__init__.py", "import torch", {"torch"}),
        ("examples/pytorch.py", "import torch, jax", {"jax"}),
        ("examples/scipy_signal.py", "import scipy, vectorized", {"vectorized"}),
    ],
)
def test_a_forbidden_import_is_seen(path: str, source: str, found: set[str]) -> None:
    assert violations(path, source) == found


def test_the_reference_asks_little_of_numpy() -> None:
    used = set()
    for path in sorted((ROOT / "naive").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "np":
                used.add(f"np.{node.attr}")
    assert used == NAIVE_NUMPY


@pytest.mark.parametrize("module", ["contract", "naive", "naive.formulas", "vectorized", "vectorized.formulas"])
def test_numpy_alone_is_loaded(module: str) -> None:
    heavy = sorted((RIVALS | {"hypothesis", "pytest", "scipy", "verification"}) - {"threadpoolctl"})
    code = f"import sys, {module}; print([name for name in {heavy} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"


def test_the_implementations_do_not_load_each_other() -> None:
    for module, other in (("naive", "vectorized"), ("vectorized", "naive")):
        code = f"import sys, {module}; print({other!r} in sys.modules)"
        run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
        assert run.stdout == "False\n"
