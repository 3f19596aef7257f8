"""What the contract refuses, literally: each rule, on each function of both implementations, in exactly which words."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from samples import CALLS, WEIGHT, X

OPERATIONS = tuple(CALLS)
FORWARD, BACKWARD = OPERATIONS[::2], OPERATIONS[1::2]
CONVS, TRANSPOSEDS, MAXES, AVERAGES = OPERATIONS[0:2], OPERATIONS[2:4], OPERATIONS[4:6], OPERATIONS[6:8]
CONVOLUTIONS, POOLS, WITH_BIAS = (*CONVS, *TRANSPOSEDS), (*MAXES, *AVERAGES), (CONVS[0], TRANSPOSEDS[0])
SIZES = {  # which functions have the option, and the least value it takes
    "stride": (OPERATIONS, 1),
    "padding": (OPERATIONS, 0),
    "dilation": ((*CONVOLUTIONS, *MAXES), 1),
    "output_padding": (TRANSPOSEDS, 0),
    "kernel_size": (POOLS, 1),
}
NUMBERS = "must hold float16, float32, float64, complex64, complex128, integers or objects that add and multiply, got"
Row = tuple[tuple[str, ...], dict[str, Any], type[Exception], str]  # functions, what is changed, error, message


def kinds_of_array() -> Iterator[Row]:
    """Refuse what does not hold numbers that fit together."""
    yield OPERATIONS, {"x": X > 0}, TypeError, f"x {NUMBERS} bool"
    yield OPERATIONS, {"x": [[["1"]]]}, TypeError, f"x {NUMBERS} <U1"
    yield OPERATIONS, {"x": X.astype("M8[s]")}, TypeError, f"x {NUMBERS} datetime64[s]"
    yield OPERATIONS, {"x": np.zeros((1, 1, 1), "f4,f4")}, TypeError, f"x {NUMBERS} [('f0', '<f4'), ('f1', '<f4')]"
    yield OPERATIONS, {"x": None}, TypeError, "x must be an array of numbers, got None"
    yield OPERATIONS, {"x": {1: 2}}, TypeError, "x must be an array of numbers, got {1: 2}"
    for wrong in ("2", True, None):
        text = f"x must be an array of numbers, got array([[[1, {wrong!r}]]], dtype=object)"
        yield OPERATIONS, {"x": np.array([[[1, wrong]]], object)}, TypeError, text
    ragged = "x must be an array of numbers, its rows of one length, got [[[1.0], [2.0, 3.0]]]"
    yield OPERATIONS, {"x": [[[1.0], [2.0, 3.0]]]}, ValueError, ragged
    yield CONVOLUTIONS, {"weight": WEIGHT > 0}, TypeError, f"weight {NUMBERS} bool"
    yield WITH_BIAS, {"bias": np.zeros(4, bool)}, TypeError, f"bias {NUMBERS} bool"
    for strings in (np.dtypes.StringDType(), np.dtypes.StringDType(na_object=[])):  # which know no byte order, and no hash
        yield OPERATIONS, {"x": np.array([[["a"]]], strings)}, TypeError, f"x {NUMBERS} {strings}"
    yield BACKWARD, {"grad_output": None}, TypeError, "grad_output must be an array of numbers, got None"
    yield MAXES, {"x": X + 0j}, TypeError, "x must have an ordered dtype: complex numbers have no maximum, got complex128"
    for dtype in ("int8", "uint64", "complex64"):
        text = f"x must be float16, float32, float64 or object to be averaged, got {dtype}"
        yield AVERAGES, {"x": X.astype(dtype)}, TypeError, text


def one_dtype() -> Iterator[Row]:
    """Refuse arguments of different dtypes."""
    share = "must share one dtype, got"
    yield WITH_BIAS, {"x": X.astype("f4")}, TypeError, f"x, weight, bias {share} x float32, weight float64, bias float64"
    yield WITH_BIAS, {"bias": np.zeros(4, "f2")}, TypeError, f"x, weight, bias {share} x float64, weight float64, bias float16"
    yield WITH_BIAS, {"x": X.astype("i8"), "bias": None}, TypeError, f"x, weight {share} x int64, weight float64"
    yield CONVOLUTIONS[1::2], {"x": X + 0j}, TypeError, f"x, weight {share} x complex128, weight float64"
    for name in BACKWARD:
        single = CALLS[name]["grad_output"].astype("f4")
        yield (name,), {"grad_output": single}, TypeError, f"grad_output and x {share} float32 and float64"


def shapes() -> Iterator[Row]:
    """Refuse arrays whose shapes do not fit together, and empty ones."""
    four = "x must have shape (N, C, H, W) or (C, H, W), got"
    yield OPERATIONS, {"x": X[0, 0]}, ValueError, f"{four} (3, 5)"
    yield OPERATIONS, {"x": X[np.newaxis]}, ValueError, f"{four} (1, 1, 2, 3, 5)"
    yield OPERATIONS, {"x": 0.0}, ValueError, f"{four} ()"
    for shape in ((1, 0, 3, 5), (1, 2, 0, 5), (2, 3, 0), (0, 2, 3, 0)):
        text = f"x must have at least one channel, row and column, got shape {shape}"
        yield OPERATIONS, {"x": np.zeros(shape)}, ValueError, text
    text = "weight must have four dimensions (filters, channels, rows, columns), got shape (2, 2, 3)"
    yield CONVOLUTIONS, {"weight": WEIGHT[0]}, ValueError, text
    for shape in ((0, 2, 2, 3), (4, 0, 2, 3), (4, 2, 0, 3), (4, 2, 2, 0)):
        text = f"weight must have at least one filter, channel, row and column, got shape {shape}"
        yield CONVOLUTIONS, {"weight": np.zeros(shape)}, ValueError, text
    text = "weight has shape (4, 2, 2, 3): 2 channels per filter x 1 groups = 2, but x has 1 channels"
    yield CONVS, {"x": X[:, :1]}, ValueError, text
    text = "weight has shape (4, 2, 2, 3): 2 channels per filter x 2 groups = 4, but x has 2 channels"
    yield CONVS, {"groups": 2}, ValueError, text
    text = "weight has shape (4, 3, 2, 5): 3 channels per filter x 1 groups = 3, but x has 2 channels"
    yield CONVS, {"weight": np.zeros((4, 3, 2, 5))}, ValueError, text
    yield TRANSPOSEDS, {"x": X[:, :1]}, ValueError, "weight has shape (2, 4, 2, 3): made for 2 channels, but x has 1"
    for bias in (np.zeros(3), np.zeros((4, 1)), np.float64(0)):
        text = f"bias must have shape (4,), one value for each filter, got {bias.shape}"
        yield WITH_BIAS, {"bias": bias}, ValueError, text
    text = "bias must have shape (8,), one value for each filter, got (4,)"
    yield TRANSPOSEDS[:1], {"groups": 2}, ValueError, text
    for name in BACKWARD:
        right = CALLS[name]["grad_output"].shape
        for wrong in ((2, *right[1:]), (*right[:3], right[3] + 1), right[1:], (*right, 1)):
            text = f"grad_output has shape {wrong}, but the forward result has shape {right}"
            yield (name,), {"grad_output": np.zeros(wrong)}, ValueError, text
        text = f"grad_output has shape {right}, but the forward result has shape {right[1:]}"
        yield (name,), {"x": X[0]}, ValueError, text


def kinds_of_option() -> Iterator[Row]:
    """Refuse sizes that are no integers, or too small; and unknown names."""
    for name, (functions, least) in SIZES.items():
        yield functions, {name: least - 1}, ValueError, f"{name} must be at least {least}, got {least - 1}"
        yield functions, {name: (9, least - 1)}, ValueError, f"{name} (width) must be at least {least}, got {least - 1}"
        yield functions, {name: [-7, 1]}, ValueError, f"{name} (height) must be at least {least}, got -7"
        yield functions, {name: 1.0}, TypeError, f"{name} must be an integer, got 1.0 of type float"
        yield functions, {name: True}, TypeError, f"{name} must be an integer, got True of type bool"
        yield functions, {name: np.True_}, TypeError, f"{name} must be an integer, got np.True_ of type bool"
        text = f"{name} (width) must be an integer, got np.float32(1.0) of type float32"
        yield functions, {name: (1, np.float32(1))}, TypeError, text
        yield functions, {name: b"11"}, TypeError, f"{name} must be an integer, got b'11' of type bytes"
        two = f"{name} must be an int or a pair (height, width), got"
        yield functions, {name: (1, 1, 1)}, ValueError, f"{two} (1, 1, 1) with 3 values"
        yield functions, {name: ()}, ValueError, f"{two} () with 0 values"
        if name != "stride":
            yield functions, {name: None}, TypeError, f"{name} must be an integer, got None of type NoneType"
    yield CONVOLUTIONS, {"stride": None}, TypeError, "stride must be an integer, got None of type NoneType"
    yield CONVOLUTIONS, {"stride": "11"}, TypeError, "stride must be an integer, got '11' of type str"
    yield CONVS, {"rounding": "ceil"}, ValueError, "rounding must be one of 'exact', 'floor', got 'ceil'"
    yield POOLS, {"rounding": "round"}, ValueError, "rounding must be one of 'exact', 'floor', 'ceil', got 'round'"
    yield POOLS, {"rounding": True}, TypeError, "rounding must be one of 'exact', 'floor', 'ceil', got True"
    yield MAXES[:1], {"return_indices": 1}, TypeError, "return_indices must be True or False, got 1"
    yield AVERAGES, {"count_include_pad": 0}, TypeError, "count_include_pad must be True or False, got 0"
    yield AVERAGES, {"divisor_override": 0}, ValueError, "divisor_override must be a nonzero 64-bit integer, got 0"
    text = "divisor_override must be a nonzero 64-bit integer, got 9223372036854775808"
    yield AVERAGES, {"divisor_override": 2**63}, ValueError, text
    for wrong in (2.0, True):
        text = f"divisor_override must be an integer, got {wrong} of type {type(wrong).__name__}"
        yield AVERAGES, {"divisor_override": wrong}, TypeError, text


def groups() -> Iterator[Row]:
    """Refuse groups that are not one int, or do not divide."""
    yield CONVOLUTIONS, {"groups": 0}, ValueError, "groups must be at least 1, got 0"
    yield CONVOLUTIONS, {"groups": -1}, ValueError, "groups must be at least 1, got -1"
    yield CONVOLUTIONS, {"groups": (1, 1)}, TypeError, "groups must be an integer, got (1, 1) of type tuple"
    yield CONVOLUTIONS, {"groups": True}, TypeError, "groups must be an integer, got True of type bool"
    yield CONVOLUTIONS, {"groups": 1.0}, TypeError, "groups must be an integer, got 1.0 of type float"
    text = "groups must divide the number of channels of x, but 2 / 3 is not an integer"
    yield CONVOLUTIONS, {"groups": 3}, ValueError, text
    text = "groups must divide the number of filters of weight, but 3 / 2 is not an integer"
    yield CONVS, {"groups": 2, "weight": WEIGHT[:3, :1]}, ValueError, text


def padding() -> Iterator[Row]:
    """Refuse a padding in a form that the function does not take, or larger than it may be."""
    yield CONVS, {"padding": "full"}, ValueError, "padding must be one of 'valid', 'same', got 'full'"
    text = "padding='same' needs stride 1, got stride (1, 2)"
    yield CONVS, {"padding": "same", "stride": (1, 2)}, ValueError, text
    for i, side in enumerate(("top", "bottom", "left", "right")):
        pads = [0, 0, 0, 0]
        pads[i] = -1
        text = f"padding ({side}) must be at least 0, got -1"
        yield CONVS, {"padding": (pads[:2], tuple(pads[2:]))}, ValueError, text
    text = "padding (right) must be an integer, got 1.0 of type float"
    yield CONVS, {"padding": ((0, 0), (0, 1.0))}, TypeError, text
    text = "padding must be an int or a pair (left, right), got (0,) with 1 values"
    yield CONVS, {"padding": ((0, 0), (0,))}, ValueError, text
    text = "padding (width) must be an integer, got (0, 0) of type tuple"
    yield CONVS, {"padding": (0, (0, 0))}, TypeError, text
    others = (*TRANSPOSEDS, *POOLS)
    yield others, {"padding": "same"}, TypeError, "padding must be an integer, got 'same' of type str"
    text = "padding (height) must be an integer, got (0, 0) of type tuple"
    yield others, {"padding": ((0, 0), (0, 0))}, TypeError, text
    text = "padding must be at most half of kernel_size, but in height it is 2 with kernel_size 3"
    yield POOLS, {"padding": (2, 0)}, ValueError, text
    text = "padding must be at most half of kernel_size, but in width it is 1 with kernel_size 1"
    yield POOLS, {"padding": 1, "kernel_size": (3, 1)}, ValueError, text
    rule = "output_padding must be smaller than the stride or the dilation, but in"
    yield TRANSPOSEDS, {"output_padding": 1}, ValueError, f"{rule} height it is 1, with stride 1 and dilation 1"
    change = {"output_padding": (2, 3), "stride": 2, "dilation": 3}
    yield TRANSPOSEDS, change, ValueError, f"{rule} width it is 3, with stride 2 and dilation 3"
    rule = "padding takes the whole result away: in"
    formula = "(size - 1) * stride + dilation * (kernel - 1) + 1 + output_padding - 2 * padding"
    text = f"{rule} height, {formula} = (3 - 1) * 1 + 1 * (2 - 1) + 1 + 0 - 2 * 2 = 0"
    yield TRANSPOSEDS, {"padding": (2, 0)}, ValueError, text
    change = {"padding": (0, 8), "stride": 2, "output_padding": (0, 1)}
    yield TRANSPOSEDS, change, ValueError, f"{rule} width, {formula} = (5 - 1) * 2 + 1 * (3 - 1) + 1 + 1 - 2 * 8 = -4"


def windows() -> Iterator[Row]:
    """Refuse a window larger than the padded input, and windows that do not tile it."""
    rule = "the window is larger than the padded input: in"
    reach = "dilation * (kernel - 1) + 1"
    text = f"{rule} width, {reach} = 1 * (3 - 1) + 1 = 3, but the input has 2 + 0 + 0 = 2"
    yield CONVS, {"x": X[..., :2]}, ValueError, text
    text = f"{rule} height, {reach} = 9 * (2 - 1) + 1 = 10, but the input has 3 + 1 + 2 = 6"
    yield CONVS, {"dilation": (9, 1), "padding": ((1, 2), (0, 0))}, ValueError, text
    text = f"{rule} height, {reach} = 1 * (6 - 1) + 1 = 6, but the input has 3 + 1 + 1 = 5"
    for rounding in ("exact", "floor", "ceil"):
        yield POOLS, {"kernel_size": (6, 1), "padding": (1, 0), "rounding": rounding}, ValueError, text
    text = f"{rule} width, {reach} = 2 * (5 - 1) + 1 = 9, but the input has 5 + 1 + 1 = 7"
    yield MAXES, {"dilation": (1, 2), "padding": (0, 1)}, ValueError, text
    rule, advice = "the windows do not tile the input's", "rounding='floor' drops the remainder, as PyTorch does"
    text = f"{rule} height: (H - F + 2P)/S + 1 = (3 - 2 + 0 + 0) / 2 + 1 = 1/2 + 1 is not an integer; {advice}"
    yield CONVS, {"stride": 2}, ValueError, text
    yield POOLS, {"kernel_size": 2}, ValueError, text
    formula = "(W - F + 2P)/S + 1 = (5 - (2 * (3 - 1) + 1) + 1 + 2) / 2 + 1 = 3/2 + 1"
    change = {"stride": (1, 2), "dilation": (1, 2), "padding": ((0, 0), (1, 2))}
    yield CONVS, change, ValueError, f"{rule} width: {formula} is not an integer; {advice}"


ROWS = [
    pytest.param(name, change, error, message, id=f"{name}-{section.__name__}-{i}")
    for section in (kinds_of_array, one_dtype, shapes, kinds_of_option, groups, padding, windows)
    for i, (functions, change, error, message) in enumerate(section())
    for name in functions
]


@pytest.mark.parametrize(("name", "change", "error", "message"), ROWS)
def test_is_refused(implementation: Any, name: str, change: dict[str, Any], error: type[Exception], message: str) -> None:
    function, valid = getattr(implementation, name), CALLS[name]
    function(**valid)  # it is the change that is refused
    with pytest.raises(error) as caught:
        function(**{**valid, **change})
    assert type(caught.value) is error
    assert str(caught.value) == message
