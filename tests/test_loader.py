"""Loading a stranger's code: every form of a name, every way it can fail, and nothing left behind."""

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from verification.hints import near_functions, near_parameters, supported
from verification.implementation import Implementation
from verification.loader import LoadError, Source, load, wrap

CONV = "def conv2d(x, weight, bias=None, *, stride=1, padding=0):\n    return {result}\n"


@pytest.fixture(autouse=True)
def _unchanged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Undo what loading adds to the search path, and forget the modules of the test's own folder."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    for name, module in list(sys.modules.items()):
        if tmp_path in Path(getattr(module, "__file__", None) or "").parents:
            del sys.modules[name]


def write(folder: Path, **files: str) -> Path:
    """Write Python files and return their folder."""
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def one(spec: str, folder: Path) -> Source:
    """Load exactly one implementation."""
    (source,) = load(spec, folder)
    return source


def refusal(spec: str, folder: Path) -> str:
    """Return why ``spec`` cannot be loaded."""
    with pytest.raises(LoadError) as info:
        load(spec, folder)
    return str(info.value)


def result(source: Source) -> object:
    """Call conv2d on nothing."""
    return source.implementation.functions["conv2d"](None, None)


OBJECTS = """
class Plain:
    def conv2d(self, x, weight): return "plain"
class Static:
    def __init__(self, argument): ...
    @staticmethod
    def conv2d(x, weight): return "static"
class Needs:
    def __init__(self, threads): ...
    def conv2d(self, x, weight): ...
class Breaks:
    def __init__(self): raise RuntimeError("no device")
    def conv2d(self, x, weight): ...
class outer:
    inner = Plain()
MANY = {"first": Plain, "second": Static}
FUNCTIONS = {"conv2d": lambda x, weight: "in a mapping"}
EMPTY = {}
"""


@pytest.mark.parametrize(
    ("attribute", "expected"),
    [("Plain", "plain"), ("Static", "static"), ("outer.inner", "plain"), ("FUNCTIONS", "in a mapping")],
)
@pytest.mark.parametrize("module", ["objects.py", "./objects.py", "objects"])
def test_attribute(tmp_path: Path, module: str, attribute: str, expected: str) -> None:
    assert result(one(f"{module}:{attribute}", write(tmp_path, objects=OBJECTS))) == expected


def test_mapping_of_implementations(tmp_path: Path) -> None:
    found = load("objects.py:MANY", write(tmp_path, objects=OBJECTS))
    assert {source.implementation.name: result(source) for source in found} == {"first": "plain", "second": "static"}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("missing.py", "no such file: 'missing.py'"),
        ("missing/my_conv.py", "no such file: 'missing/my_conv.py'"),
        ("missing", "no such module: 'missing'"),
        ("missing.module", "no such module: 'missing.module' (no module named 'missing')"),
        ("objects.py:plain", "objects.py has no attribute 'plain': did you mean 'Plain'?"),
        ("objects.py:outer.other", "objects.py:outer has no attribute 'other'"),
        ("objects.py:Needs", "objects.py:Needs is a class that needs threads to be made: name an instance of it instead"),
        ("objects.py:EMPTY", "objects.py:EMPTY is an empty mapping"),
        ("objects.py:", "'objects.py:' is the name of neither a module nor a Python file"),
        ("", "'' is the name of neither"),
        ("objects.py:outer", "has none of the functions of the contract: conv2d, conv2d_backward"),
        ("near.py", "unknown function 'conv_2D': did you mean 'conv2d'?"),
        ("near.py", "unknown function 'maxpool': did you mean 'max_pool2d'?"),
        ("./notes.txt", "notes.txt is not a Python file"),
    ],
)
def test_refusals_are_one_line(tmp_path: Path, spec: str, message: str) -> None:
    write(tmp_path, objects=OBJECTS, near="def conv_2D(x): ...\ndef maxpool(x): ...\ndef _forward(x): ...\nmean = 3\n")
    (tmp_path / "notes.txt").write_text("")
    said = refusal(spec, tmp_path)
    assert message in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("def broken():\n    import nonexistent_module\nbroken()\n", "line 2, in broken"),
        ("def conv2d(:\n", "SyntaxError"),
        ("import sys\nsys.exit(3)\n", "SystemExit: 3"),
        ("1 / 0\n", "ZeroDivisionError: division by zero"),
    ],
)
@pytest.mark.parametrize("spec", ["breaks.py", "breaks"])
def test_import_error_is_shown_whole_and_alone(tmp_path: Path, spec: str, text: str, shown: str) -> None:
    said = refusal(spec, write(tmp_path, breaks=text))
    assert said.startswith(f"importing {spec!r} failed:\n")
    assert shown in said
    assert "breaks.py" in said
    assert "loader.py" not in said
    assert "importlib" not in said


def test_constructor_error_is_shown_whole(tmp_path: Path) -> None:
    said = refusal("objects.py:Breaks", write(tmp_path, objects=OBJECTS))
    assert "RuntimeError: no device" in said
    assert "loader.py" not in said


def test_siblings_are_imported_while_loading_and_later(tmp_path: Path) -> None:
    text = "from early import now\ndef conv2d(x, weight):\n    from late import then\n    return now, then\n"
    write(tmp_path, sub__mine=text, sub__early="now = 1", sub__late="then = 2")
    assert result(one("sub/mine.py", tmp_path)) == (1, 2)


def test_relative_imports_of_a_package(tmp_path: Path) -> None:
    write(
        tmp_path,
        a__pack__mine="from .other import five\n" + CONV.format(result="five"),
        a__pack__other="five = 5",
        a__pack____init__="",
    )
    (tmp_path / "a/pack/__init__.py").write_text("from .mine import conv2d")
    assert result(one("a/pack/mine.py", tmp_path)) == 5
    assert result(one("a/pack", tmp_path)) == 5


def test_another_module_of_that_name_is_never_taken_for_it(tmp_path: Path) -> None:
    write(tmp_path, naive__conv=CONV.format(result="'theirs'"))
    (tmp_path / "naive/__init__.py").write_text("")
    import naive.conv  # noqa: F401, PLC0415 - ours, loaded already

    assert "another module named 'naive.conv' is loaded already" in refusal("naive/conv.py", tmp_path)


def test_a_file_hides_no_module(tmp_path: Path) -> None:
    import random  # noqa: PLC0415

    first = one("random.py", write(tmp_path, random=CONV.format(result="1")))
    second = one("other/random.py", write(tmp_path, other__random=CONV.format(result="2")))
    assert (result(first), result(second)) == (1, 2)
    assert sys.modules["random"] is random


def test_nothing_is_left_in_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    write(tmp_path, mine="import sibling_module\n" + CONV.format(result="None"), sibling_module="")
    one("mine.py", tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.py", "sibling_module.py"]
    assert not sys.dont_write_bytecode


def test_a_windows_drive_is_no_attribute(tmp_path: Path) -> None:
    assert "no such file: 'C:\\\\my_conv.py'" in refusal("C:\\my_conv.py", tmp_path)


@pytest.mark.parametrize("spec", ["sub/mine.py", "sub/objects.py:Plain", "sub/objects.py:MANY", "sub/my-conv.py", "json_like"])
def test_pasted_lines_bind_the_same_function(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spec: str) -> None:
    same = CONV.format(result="'plain'")
    write(tmp_path, sub__mine=same, sub__objects=OBJECTS, json_like=same)
    (tmp_path / "sub/my-conv.py").write_text(same)
    source = load(spec, tmp_path)[0]
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    scope: dict[str, Any] = {}
    exec(source.bind("conv2d"), scope)
    assert scope["conv2d"](None, None) == "plain"


def conv2d(x: object, weight: object) -> str:
    return f"a function {x} {weight}"


def test_objects_at_hand() -> None:
    (source,) = wrap(conv2d)
    assert result(source) == "a function None None"
    (source,) = wrap(SimpleNamespace(conv2d=conv2d))
    assert source.implementation.name == "SimpleNamespace"
    (source,) = wrap({"conv2d": partial(conv2d)})
    assert result(source) == "a function None None"
    (source,) = wrap("naive")
    assert source.bind("conv2d") == "from naive import conv2d"
    with pytest.raises(LoadError, match="max has none of the functions of the contract"):
        wrap(max)


def test_strict_reaches_the_implementation(tmp_path: Path) -> None:
    write(tmp_path, objects=OBJECTS)
    assert [source.implementation.strict for source in load("objects.py:MANY", tmp_path, strict=True)] == [True, True]
    assert not one("objects.py:Plain", tmp_path).implementation.strict


# ---------------------------------------------------------------------------------------------------------------- hints


@pytest.mark.parametrize(
    ("signature", "hint"),
    [
        ("x, w, b=None, stride=1, pad=0", "conv2d has an unknown parameter 'pad': did you mean 'padding'?"),
        ("x, w, pad=0", "conv2d has an unknown parameter 'pad': did you mean 'padding'?"),
        ("x, w, b, *, strides=1", "conv2d has an unknown parameter 'strides': did you mean 'stride'?"),
        ("x, w, b=None, *, paddding=0", "conv2d has an unknown parameter 'paddding': did you mean 'padding'?"),
        ("x, w, b, conv_param", "conv2d needs 'conv_param', which the contract does not have"),
        ("x, weight, bias=None, *, stride=1, algorithm='auto'", None),
        ("images, filters, b=None", None),
        ("x, weight, bias=None, *, padding=0, pad=None", None),
        ("*args, **kwargs", None),
    ],
)
def test_near_parameters(signature: str, hint: str | None) -> None:
    scope: dict[str, object] = {}
    exec(f"def conv2d({signature}): ...", scope)
    found = near_parameters(Implementation.of(SimpleNamespace(**scope), "theirs"))
    assert [h[: len(hint or "")] for h in found] == ([hint] if hint else [])


def test_near_functions_leave_known_and_private_ones_alone() -> None:
    found = near_functions(
        SimpleNamespace(conv2d=conv2d, conv_2d=conv2d, maxpool2d=conv2d, _conv=conv2d, helper=conv2d, forward=3)
    )
    assert found == ["unknown function 'maxpool2d': did you mean 'max_pool2d'?"]


def test_supported() -> None:
    def max_pool2d(x: object, kernel_size: object, stride: object = None) -> None: ...

    implementation = Implementation.of(SimpleNamespace(max_pool2d=max_pool2d), "theirs")
    assert supported(implementation, "max_pool2d") == (["stride"], ["padding", "dilation", "rounding", "return_indices"])
