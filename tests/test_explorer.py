"""The explorer without a browser: every cell runs, its numbers are those of the loops, its pictures and sentences show them."""

import doctest
import importlib
import math
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import naive
import vectorized

pytest.importorskip("marimo", reason="the explorer needs marimo: pip install -e '.[explore]'")

PLAIN = str.maketrans({"\N{MINUS SIGN}": "-", "·": "*", "∞": "inf"})  # what the page writes, as Python reads it
NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "explorer.py"
FUNCTIONS = {"Convolution": "conv2d", "Max pooling": "max_pool2d", "Average pooling": "avg_pool2d"}
START = {"operation": "Convolution", "H": 5, "W": 7, "C": 2, "K": 2, "F": 3, "S": 2, "P": 1, "D": 1} | {
    "numbers": 1,
    "rounding": "exact",
    "count_include_pad": True,
}
POSSIBLE = [
    {},
    {"H": 6, "W": 9, "C": 3, "K": 4, "F": 2, "S": 3, "P": 0, "D": 3, "rounding": "floor"},
    {"H": 1, "W": 4, "C": 1, "K": 1, "F": 5, "S": 1, "P": 3},
    {"operation": "Max pooling", "H": 6, "W": 8, "C": 3, "rounding": "ceil", "numbers": 2},
    {"operation": "Max pooling", "H": 5, "W": 8, "F": 2, "S": 3, "rounding": "ceil"},  # the next starts just after the image
    {"operation": "Max pooling", "H": 7, "W": 9, "F": 2, "S": 3, "D": 3, "rounding": "floor"},
    {"operation": "Average pooling", "H": 6, "W": 4, "C": 1, "D": 3, "rounding": "ceil"},
    {"operation": "Average pooling", "count_include_pad": False},
]


def module(name: str) -> Any:
    """Import a file of notebooks/ as the notebook does: from its own folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(NOTEBOOK.parent)
        return importlib.import_module(name)


def run(changed: dict[str, Any], **defs: Any) -> tuple[str, dict[str, Any]]:
    """Run the notebook with some settings changed; return its page and what its cells define."""
    outputs, defined = module("explorer").app.run(defs={"chosen": START | changed, "torch": None, **defs})
    return "\n".join(output.text for output in outputs if output is not None), dict(defined)


def expected(defined: dict[str, Any], by: Any, chosen: dict[str, Any]) -> Any:
    """Call an implementation with the notebook's data and the chosen settings."""
    x, F, name = defined["x"], chosen["F"], FUNCTIONS[chosen["operation"]]
    options = {"stride": chosen["S"], "padding": chosen["P"], "rounding": chosen["rounding"]}
    if name == "conv2d":
        return by.conv2d(x, defined["weight"], defined["bias"], dilation=chosen["D"], **options)
    if name == "max_pool2d":
        return by.max_pool2d(x, F, dilation=chosen["D"], **options)
    return by.avg_pool2d(x, F, count_include_pad=chosen["count_include_pad"], **options)


def test_it_runs_as_a_script(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, NOTEBOOK], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("name", ["strokes", "wording"])
def test_examples_of_the_helpers(name: str) -> None:
    failed, attempted = doctest.testmod(module(name))
    assert (failed, attempted > 0) == (0, True)


@pytest.mark.parametrize("changed", POSSIBLE)
@pytest.mark.parametrize("by", [naive, vectorized])
def test_the_output_is_what_the_settings_ask_for(changed: dict[str, Any], by: Any) -> None:
    class Switch:
        value = by.__name__

    page, defined = run(changed, implementation=Switch)
    np.testing.assert_array_equal(defined["y"], expected(defined, by, START | changed))
    assert "Impossible" not in page


@pytest.mark.parametrize("changed", POSSIBLE)
def test_window_column_and_cell_belong_together(changed: dict[str, Any]) -> None:
    chosen = START | changed
    pooling = chosen["operation"] != "Convolution"
    D = 1 if chosen["operation"] == "Average pooling" else chosen["D"]
    outside = -np.inf if chosen["operation"] == "Max pooling" else 0
    shape = run(changed)[1]["y"].shape
    for k, i, j in {(0, 0, 0), tuple(n - 1 for n in shape)}:
        page, defined = run(changed, k=k, i=i, j=j)
        x, P, H, W = defined["x"], chosen["P"], chosen["H"], chosen["W"]
        window = []  # every tap looked up by its place in the unpadded image
        for c, r, s in product([k] if pooling else range(chosen["C"]), range(chosen["F"]), range(chosen["F"])):
            p, q = i * chosen["S"] + r * D - P, j * chosen["S"] + s * D - P
            inside = 0 <= p < H and 0 <= q < W
            window.append(x[c, p, q] if inside else outside if p < H + P and q < W + P else np.nan)
        np.testing.assert_array_equal(defined["window"].ravel(), window)
        depth = len(window)
        column = defined["stretched"][k * depth * pooling :][:depth, i * shape[2] + j]
        np.testing.assert_array_equal(column, window)
        check_pictures(page, defined, chosen, (k, i, j), D)
        check_law(page, shape)
        check_sums(page, defined["y"][k, i, j])


def check_pictures(page: str, defined: dict[str, Any], chosen: dict[str, Any], pick: tuple[int, int, int], D: int) -> None:
    """Check where the marks stand in the three pictures, and the numbers that are written under them."""
    (k, i, j), y, F, S = pick, defined["y"], chosen["F"], chosen["S"]
    axes, sliding, matrices = (ET.fromstring(svg) for svg in re.findall(r"<svg xmlns.*?</svg>", page))
    assert len(axes.findall(".//*[@data-role='taken']")) == y.shape[1] + y.shape[2]
    taps = [(i * S + r * D, j * S + s * D) for r in range(F) for s in range(F)]
    assert cells(sliding, "window") == taps * len(defined["channels"])
    assert cells(sliding, "output") == [(i, j)]
    assert written(sliding, "output") == [module("strokes").number(y[k, i, j])]
    assert written(sliding, "window") == [module("strokes").number(v) for v in defined["window"].ravel()]
    p, length = i * y.shape[2] + j, defined["window"].size
    assert cells(matrices, "window") == [(r, p) for r in range(length)]
    assert written(matrices, "window") in (written(sliding, "window"), [""] * length)  # left out where there is no room
    assert written(matrices, "output") in (written(sliding, "output"), [""])
    if chosen["operation"] == "Convolution":
        assert cells(sliding, "filter") == list(np.ndindex(F, F)) * chosen["C"]
        assert written(sliding, "filter") == [module("strokes").number(v) for v in defined["weight"][k].ravel()]
        assert cells(matrices, "filter") == [(k, r) for r in range(length)]
        assert cells(matrices, "output") == [(k, p)]
    else:
        assert cells(matrices, "output") == [(0, p)]


def cells(picture: ET.Element, role: str) -> list[tuple[int, ...]]:
    """Return the rows and columns that a picture marks."""
    marks = picture.findall(f".//*[@data-role='{role}']")
    return [tuple(map(int, mark.attrib["data-cell"].split(","))) for mark in marks]


def written(picture: ET.Element, role: str) -> list[str]:
    """Return the text that stands inside each marked cell of a picture, found by its place."""
    texts = [
        (float(t.attrib["x"]), float(t.attrib["y"]), t.text or "") for t in picture.iter("{http://www.w3.org/2000/svg}text")
    ]
    result = []
    for mark in picture.findall(f".//*[@data-role='{role}']"):
        x, y, side = (float(mark.attrib[name]) for name in ("x", "y", "width"))
        result.append("".join(text for u, v, text in texts if x < u < x + side and y < v < y + side))
    return result


def check_law(page: str, shape: tuple[int, ...]) -> None:
    """Check the output-size law in numbers: its steps agree, and its result, rounded where it says so, is the output's size."""
    lines = re.findall("<p>(?:height|width): (.*?)</p>", page)
    for line, size in zip(lines, shape[1:], strict=True):
        _, *steps = line.translate(PLAIN).split(" = ")
        *steps, result = [*steps[:-1], *steps[-1].split(", rounded ")] if "rounded" in line else steps
        (value,) = {eval(step) for step in steps}
        rounded, count = result.split(": ") if ": " in result else ("", result)
        assert size == int(count) == {"": value, "down": math.floor(value), "up": math.ceil(value)}[rounded]


def check_sums(page: str, total: float) -> None:
    """Check every equation of the last block of arithmetic: all sides of numbers agree, and the last is the cell's value."""
    block = re.findall(r'<div class="arithmetic">(.*?)</div>', page)[-1]
    lines = [re.sub("<[^>]*>", "", line).split(": ", 1)[-1] for line in re.findall("<p>(.*?)</p>", block)]
    sums = []
    for line in lines:
        exact, *rounded = line.replace("bias ", "").translate(PLAIN).split(" ≈ ")
        sides = [side for side in exact.split(" = ") if not side.startswith("y[")]
        values = [eval(side, {"max": lambda *v: max(v), "inf": np.inf}) for side in sides]
        assert len(set(values)) == 1, line
        sums.append(values[0])
        assert all(float(side) == float(f"{values[0]:.4g}") for side in rounded)
    assert np.float32(sums[-1]) == total
    if len(sums) > 1:  # a line for each channel, then all of them and the bias
        *channels, bias = (int(v) for v in re.findall(r"-?\d+", lines[-1].translate(PLAIN).split(" = ")[1]))
        assert channels == sums[:-1]
        assert sum(channels) + bias == total


@settings(max_examples=40, deadline=None, derandomize=True)  # made before conftest.py says how to draw
@given(
    st.fixed_dictionaries(
        {
            "operation": st.sampled_from(list(FUNCTIONS)),
            **{name: st.integers(1, most) for name, most in {"H": 10, "W": 10, "C": 3, "K": 4, "F": 5, "S": 4, "D": 3}.items()},
            "P": st.integers(0, 3),
            "numbers": st.integers(1, 9),
            "rounding": st.sampled_from(["exact", "floor", "ceil"]),
            "count_include_pad": st.booleans(),
        }
    )
)
def test_wherever_the_sliders_stand_there_is_an_output_or_a_reason(chosen: dict[str, Any]) -> None:
    page, defined = run(chosen)
    if defined["problem"]:
        with pytest.raises(ValueError, match=f"^{re.escape(defined['problem'])}$"):
            expected(defined, vectorized, chosen)
        assert "Impossible:" in page
        assert all(part in page for part in defined["problem"].split("'"))  # quotes are escaped on the page
        assert "y" not in defined
        assert "2. One window" not in page
    else:
        np.testing.assert_array_equal(defined["y"], expected(defined, vectorized, chosen))
        assert page.count('data-role="taken"') == sum(defined["y"].shape[1:])
        assert "the same numbers, to the last bit" in page


def test_an_impossible_setting_shows_its_arithmetic() -> None:
    page, _ = run({"S": 3})
    assert "(5 - 3 + 1 + 1) / 3 + 1 = 4/3 + 1 is not an integer" in page
    assert "sticks out: refused" in page
    page, _ = run({"H": 1, "P": 0, "rounding": "floor"})
    assert "dilation * (kernel - 1) + 1 = 1 * (3 - 1) + 1 = 3, but the input has 1 + 0 + 0 = 1" in page
    assert "does not fit" in page


@pytest.mark.parametrize("changed", POSSIBLE)
def test_torch_gives_the_same(changed: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch", reason="the comparison needs PyTorch")
    page, defined = run(changed, torch=torch)
    assert f"5. PyTorch {torch.__version__}" in page
    assert page.count("the same numbers, to the last bit") == 2
    np.testing.assert_array_equal(defined["by_torch"](), defined["y"])


def test_it_does_without_torch_and_admits_a_difference() -> None:
    page, defined = run({})
    assert "It is not installed here" in page

    class Torch:
        __version__ = "0"

    page, _ = run({}, torch=Torch, by_torch=lambda: defined["y"] + 1)
    assert page.count("different") == 1
