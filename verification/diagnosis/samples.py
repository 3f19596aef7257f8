"""A few telling calls of each operation: what one planted bug gets wrong and its neighbour does not shows on one of them.

All values are small integers, so that sums are exact in any order, and results can be compared to the bit.
"""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from contract import Array
from verification.bugs.reference import Reference
from verification.cases import Case
from verification.operations import OPTIONS

Recipe = dict[str, Any]  # N, C, K, H, W, R, S that differ from the usual; dtype, bias, nan, ties ...; options
SIZES = {"N": 1, "C": 1, "K": 1, "H": 5, "W": 6, "R": 2, "S": 3}
# Factors that take sums past what the next smaller type could hold, and leave them exact in their own.
LARGE = {"int8": 9, "int32": 1_001, "int64": 2**26 + 1, "float16": 1, "float32": 2**8 + 1, "float64": 2**40 + 1}
KEYS = (*SIZES, "dtype", "bias", "special", "unbatched", "foreign", "fortran")

CONV: tuple[Recipe, ...] = (
    {},
    {"N": 2, "C": 3, "K": 4, "H": 6, "W": 7, "bias": True},
    {"H": 6, "W": 9, "stride": (2, 3)},
    {"H": 6, "W": 7, "stride": 2},  # one number for both axes, for those who take no pairs
    {"H": 4, "W": 6, "padding": 1},
    {"H": 7, "W": 9, "dilation": 2},
    {"H": 7, "W": 9, "R": 3, "S": 3, "stride": (2, 3)},
    {"H": 5, "W": 5, "R": 1, "S": 1, "stride": (2, 2), "C": 2},
    {"H": 4, "W": 6, "padding": (3, 1)},
    {"H": 4, "W": 6, "padding": ((2, 1), (0, 3))},
    {"H": 4, "W": 5, "R": 1, "S": 1, "padding": 1},
    {"H": 7, "W": 9, "dilation": (3, 2)},
    {"H": 6, "W": 9, "R": 3, "S": 3, "dilation": (2, 3), "stride": (1, 2)},
    {"C": 4, "K": 6, "groups": 2, "bias": True},
    {"C": 4, "K": 8, "groups": 2, "H": 6, "W": 6, "R": 5, "S": 4},
    {"C": 4, "K": 4},
    {"H": 6, "W": 7, "R": 4, "S": 2, "padding": "same"},
    {"H": 6, "W": 7, "R": 2, "S": 2, "dilation": (3, 1), "padding": "same"},
    {"H": 6, "W": 8, "stride": (3, 2), "rounding": "floor"},
    {"H": 6, "W": 8, "stride": (3, 2)},  # refused: the windows do not tile
    {"C": 12, "K": 7, "H": 3, "W": 3, "R": 2, "S": 2},
    {"C": 19, "H": 3, "W": 3, "R": 2, "S": 2},
    {"N": 6, "H": 3, "W": 4},
    {"N": 0, "C": 2, "K": 3},
    {"C": 2, "unbatched": True},
    {"H": 140, "W": 3, "R": 2, "S": 2},
    {"special": "nan", "H": 6, "W": 7},
    {"special": "zero weights", "H": 6, "W": 7},
    {"dtype": np.int8, "special": "large"},
    {"dtype": np.int32, "special": "large"},
    {"dtype": np.int64, "special": "large"},
    {"dtype": np.complex128, "C": 2},
    {"dtype": np.float16, "C": 8, "H": 8, "W": 8, "R": 6, "S": 7, "special": "large", "bias": True},
    {"dtype": np.float32, "special": "large"},
    {"special": "large"},
    {"dtype": object},
    {"dtype": np.float32, "foreign": True},
    {"dtype": np.float32, "fortran": True, "C": 2},
    {"C": 2, "K": 3},  # twice the same shapes, other values: what is kept from call to call shows
    {"C": 2, "K": 3},
)
TRANSPOSED: tuple[Recipe, ...] = (
    {},
    {"N": 2, "C": 3, "K": 4, "bias": True},
    {"stride": (2, 3), "R": 3, "S": 2},
    {"stride": 2},
    {"padding": 1},
    {"dilation": 2},
    {"stride": (3, 2), "output_padding": (2, 1), "padding": (1, 0)},
    {"H": 4, "W": 6, "padding": (1, 2), "R": 3, "S": 4},
    {"dilation": (3, 2), "R": 3},
    {"dilation": (1, 2), "stride": (2, 1), "R": 3},
    {"C": 4, "K": 6, "groups": 2, "bias": True},
    {"C": 4, "K": 4},
    {"N": 0, "C": 2, "K": 3},
    {"C": 2, "unbatched": True},
    {"N": 6},
    {"special": "nan"},
    {"dtype": np.int8, "special": "large"},
    {"dtype": np.int64, "special": "large"},
    {"special": "large"},
    {"dtype": np.complex128, "C": 2},
    {"dtype": object},
    {"dtype": np.float32, "foreign": True},
    {"C": 2, "K": 3},
    {"C": 2, "K": 3},
)
POOL: tuple[Recipe, ...] = (
    {},
    {"N": 2, "C": 3, "H": 6, "W": 9, "stride": (2, 3)},
    {"H": 6, "W": 9},  # stride is kernel_size
    {"H": 6, "W": 8, "R": 2, "S": 2},  # one number for both axes, for those who take no pairs
    {"H": 5, "W": 9, "R": 3, "S": 3, "stride": 2},
    {"H": 4, "W": 6, "R": 2, "S": 2, "stride": 2, "padding": 1},
    {"H": 7, "W": 8, "R": 3, "S": 3, "stride": 1, "dilation": 2},
    {"H": 6, "W": 8, "stride": (1, 2), "padding": (1, 1), "R": 3, "S": 2},
    {"H": 5, "W": 6, "stride": 1, "padding": (0, 1), "R": 1, "S": 2},
    {"H": 8, "W": 9, "stride": (2, 1), "dilation": (3, 2)},
    {"H": 4, "W": 6, "stride": (1, 1), "dilation": (5, 1), "padding": (1, 0)},
    {"H": 8, "W": 8, "stride": (3, 2), "rounding": "floor"},
    {"H": 8, "W": 8, "stride": (3, 2), "rounding": "ceil"},
    {"stride": 1, "rounding": "ceil"},
    {"H": 7, "W": 7, "R": 2, "S": 2, "stride": (2, 3), "padding": 1, "rounding": "ceil"},
    {"H": 6, "W": 6, "R": 2, "S": 2, "stride": 2, "padding": 1, "rounding": "ceil"},
    {"H": 8, "W": 8, "stride": (3, 2)},  # refused: the windows do not tile
    {"special": "negative", "stride": 1},
    {"special": "negative", "stride": 1, "padding": 1},
    {"special": "ties", "stride": 1},
    {"special": "nan", "stride": 1, "H": 6, "W": 7},
    {"special": "nan", "stride": 1, "H": 6, "W": 7, "count_include_pad": False, "padding": 1},
    {"special": "-inf", "stride": 1, "padding": 1},
    {"R": 3, "S": 4, "H": 6, "W": 6, "stride": (3, 2), "padding": (1, 1), "count_include_pad": False},
    {"R": 3, "S": 4, "H": 7, "W": 7, "stride": 3, "padding": 1, "count_include_pad": False, "rounding": "ceil"},
    {"divisor_override": 5, "stride": 1},
    {"divisor_override": -3, "stride": 1, "padding": 1},
    {"R": 1, "S": 1},
    {"C": 2, "unbatched": True, "stride": 1},
    {"N": 0, "C": 2, "stride": 1},
    {"N": 6, "stride": 1},
    {"H": 140, "W": 3, "R": 2, "S": 2, "stride": 1},
    {"dtype": np.int8, "stride": 1, "padding": 1, "special": "negative"},
    {"dtype": np.uint8, "stride": 1, "padding": 1},
    {"dtype": np.float16, "stride": 1, "special": "large"},
    {"dtype": np.float32, "stride": 1, "special": "large"},
    {"stride": 1, "special": "large"},
    {"dtype": object, "stride": 1},
    {"dtype": np.float32, "foreign": True, "stride": 1},
    {"dtype": np.float32, "fortran": True, "stride": 1, "C": 2},
    {"C": 2, "stride": 1},
    {"C": 2, "stride": 1},
    {"special": "-inf", "stride": 1},
    {"special": "-inf", "stride": 1, "dtype": np.float32},
    {"H": 1, "W": 2, "C": 9, "S": 5, "stride": 1, "padding": (1, 2)},  # windows wider than the image, and rows below it
)


def samples(operation: str) -> Iterator[Case]:
    """Yield the calls of an operation that the contract takes, or refuses for windows that do not tile."""
    forward = operation.removesuffix("_backward")
    recipes = {"conv2d": CONV, "conv_transpose2d": TRANSPOSED}.get(forward, POOL)
    for number, recipe in enumerate(recipes):
        if {name for name in recipe if name not in KEYS} - set(OPTIONS[forward]):
            continue
        if forward == "avg_pool2d" and np.dtype(recipe.get("dtype", float)).kind in "iuc":
            continue
        for indices in (False, True) if operation == "max_pool2d" else (False,):
            yield sample(operation, recipe, seed=number, indices=indices)


def sample(operation: str, recipe: Recipe, seed: int, indices: bool = False) -> Case:
    """Return the call that a recipe describes."""
    rng, size = np.random.default_rng(seed), SIZES | recipe
    options = {name: value for name, value in recipe.items() if name not in KEYS}
    images = (size["N"], size["C"], size["H"], size["W"])
    arguments: dict[str, Any] = {"x": _values(rng, images, recipe)}
    if operation.startswith("conv"):
        outer, inner = (size["C"], size["K"]) if "transpose" in operation else (size["K"], size["C"])
        arguments["weight"] = _values(rng, (outer, inner // recipe.get("groups", 1), size["R"], size["S"]), recipe, True)
        arguments["bias"] = _values(rng, (size["K"],), recipe, True) if "bias" in recipe else None
    else:
        arguments["kernel_size"] = size["R"] if size["R"] == size["S"] else (size["R"], size["S"])
    if "unbatched" in recipe:
        arguments["x"] = arguments["x"][0]
    if operation.endswith("_backward"):
        arguments = _with_gradient(rng, operation, arguments, options, recipe)
    return Case(operation, arguments, options | ({"return_indices": True} if indices else {}))


def _with_gradient(rng: Any, operation: str, arguments: Recipe, options: Recipe, recipe: Recipe) -> Recipe:
    """Return the arguments of the backward pass: a gradient as large as the forward result, and no bias."""
    forward = getattr(Reference(), operation.removesuffix("_backward"))
    floor = {"rounding": "floor"} if "rounding" in OPTIONS[operation] else {}
    given = {name: v for name, v in (floor | options).items() if name != "return_indices"}
    shape = forward(*(v for name, v in arguments.items() if name != "bias"), **given).shape
    return {"grad_output": _values(rng, shape, recipe, True), **{n: v for n, v in arguments.items() if n != "bias"}}


def _values(rng: Any, shape: tuple[int, ...], recipe: Recipe, plain: bool = False) -> Array:
    """Return small integers in the recipe's dtype; ``plain`` without what is special about x."""
    dtype, special = np.dtype(recipe.get("dtype", np.float64)), recipe.get("special")
    v = rng.integers(1 if dtype.kind == "u" else -9, 10, shape)
    if special == "large":
        factor = LARGE[dtype.name]
        v = abs(v) if factor == 1 else v * (1 if plain and dtype.kind == "f" else factor)
    if special == "ties":
        v = v // 7
    if special == "negative":
        v = -1 - abs(v)
    if dtype.kind == "c":
        v = v + 1j * rng.integers(-9, 10, shape)
    v = v * Fraction(1, 3) if dtype.kind == "O" else v.astype(dtype)
    if special == "zero weights" and len(shape) == 4 and plain:
        v[..., 0] = 0
    if special in ("nan", "zero weights", "-inf") and not plain:
        v.flat[:: 1 if special == "-inf" else 17] = -np.inf if special == "-inf" else np.nan
    if recipe.get("foreign"):
        v = v.astype(dtype.newbyteorder())
    return np.asfortranarray(v) if recipe.get("fortran") else v
