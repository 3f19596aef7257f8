"""The conventions that every implementation shares: names, canonical forms, and what is refused, in which words.

A convention has no derivable answer, so it lives here, once. A computation has one, so none lives here: how many windows
there are, above all, is worked out elsewhere, three times over, by three different arguments.

Letters: N images, C channels, H×W pixels, K filters, R×S taps. Sizes are Python integers: they cannot overflow.
"""

import operator
import os
import sys
from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Pair = tuple[int, int]  # (height, width)
Sides = tuple[Pair, Pair]  # ((top, bottom), (left, right))
AXES = ("height", "width")


class Conv(NamedTuple):
    """The arguments of a convolution in canonical form."""

    x: Array  # (N, C, H, W), native byte order
    weight: Array  # (K, C/groups, R, S); transposed: (C, K/groups, R, S)
    bias: Array | None  # (K,)
    stride: Pair
    padding: Sides
    dilation: Pair
    groups: int
    rounding: str
    output_padding: Pair
    batched: bool  # False: x came as (C, H, W), and so must the result


class Pool(NamedTuple):
    """The arguments of a pooling in canonical form."""

    x: Array  # (N, C, H, W), native byte order
    kernel: Pair
    stride: Pair
    padding: Sides  # the same on both sides of an axis
    dilation: Pair
    rounding: str
    batched: bool


# ---------------------------------------------------------------------------------------------------------- arguments


def conv2d(x: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: Any, rounding: Any) -> Conv:
    """Check the arguments of ``conv2d`` and return them in canonical form."""
    x, weight, bias = arrays(x=x, weight=weight, bias=bias)
    x, batched = images("x", x)
    strides, dilations = pair("stride", stride, 1), pair("dilation", dilation, 1)
    rounding = choice("rounding", rounding, ("exact", "floor"))
    groups = integer("groups", groups, 1)
    filters(weight)
    sides = conv_padding(padding, (weight.shape[2], weight.shape[3]), strides, dilations)
    divides(groups, "channels of x", x.shape[1])
    divides(groups, "filters of weight", weight.shape[0])
    if weight.shape[1] * groups != x.shape[1]:
        raise ValueError(
            f"weight has shape {weight.shape}: {weight.shape[1]} channels per filter x {groups} groups = "
            f"{weight.shape[1] * groups}, but x has {x.shape[1]} channels"
        )
    bias_length(bias, weight.shape[0])
    window_fits(x, weight.shape[2:], sides, dilations)
    return Conv(x, weight, bias, strides, sides, dilations, groups, rounding, (0, 0), batched)


def conv_transpose2d(
    x: Any, weight: Any, bias: Any, stride: Any, padding: Any, output_padding: Any, dilation: Any, groups: Any
) -> Conv:
    """Check the arguments of ``conv_transpose2d`` and return them in canonical form."""
    x, weight, bias = arrays(x=x, weight=weight, bias=bias)
    x, batched = images("x", x)
    strides, dilations = pair("stride", stride, 1), pair("dilation", dilation, 1)
    pads, extra = pair("padding", padding, 0), pair("output_padding", output_padding, 0)
    groups = integer("groups", groups, 1)
    filters(weight)
    divides(groups, "channels of x", x.shape[1])
    if weight.shape[0] != x.shape[1]:
        raise ValueError(f"weight has shape {weight.shape}: made for {weight.shape[0]} channels, but x has {x.shape[1]}")
    bias_length(bias, weight.shape[1] * groups)
    for axis in (0, 1):
        if extra[axis] >= max(strides[axis], dilations[axis]):
            raise ValueError(
                f"output_padding must be smaller than the stride or the dilation, but in {AXES[axis]} it is "
                f"{extra[axis]}, with stride {strides[axis]} and dilation {dilations[axis]}"
            )
    sides = ((pads[0], pads[0]), (pads[1], pads[1]))
    return Conv(x, weight, bias, strides, sides, dilations, groups, "exact", extra, batched)


def max_pool2d(x: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any, rounding: Any) -> Pool:
    """Check the arguments of ``max_pool2d`` and return them in canonical form."""
    (x,) = arrays(x=x)
    if x.dtype.kind == "c":
        raise TypeError(f"x must have an ordered dtype: complex numbers have no maximum, got {x.dtype}")
    return pool(x, kernel_size, stride, padding, dilation, rounding)


def unfolding(x: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any, rounding: Any) -> Pool:
    """Check the arguments of ``im2col``: the windows of a convolution, without its filters."""
    (x,) = arrays(x=x)
    x, batched = images("x", x)
    kernel = pair("kernel_size", kernel_size, 1)
    strides, dilations = pair("stride", stride, 1), pair("dilation", dilation, 1)
    rounding = choice("rounding", rounding, ("exact", "floor"))
    sides = conv_padding(padding, kernel, strides, dilations)
    window_fits(x, kernel, sides, dilations)
    return Pool(x, kernel, strides, sides, dilations, rounding, batched)


def avg_pool2d(
    x: Any, kernel_size: Any, stride: Any, padding: Any, rounding: Any, count_include_pad: Any, divisor_override: Any
) -> tuple[Pool, bool, int | None]:
    """Check the arguments of ``avg_pool2d`` and return them in canonical form."""
    (x,) = arrays(x=x)
    if x.dtype.kind in "iuc":
        raise TypeError(f"x must be float16, float32, float64 or object to be averaged, got {x.dtype}")
    count = flag("count_include_pad", count_include_pad)
    if divisor_override is not None:
        divisor_override = integer("divisor_override", divisor_override, None)
        if divisor_override == 0 or abs(divisor_override) >= 2**63:
            raise ValueError(f"divisor_override must be a nonzero 64-bit integer, got {divisor_override}")
    return pool(x, kernel_size, stride, padding, 1, rounding), count, divisor_override


def pool(x: Array, kernel_size: Any, stride: Any, padding: Any, dilation: Any, rounding: Any) -> Pool:
    """Check what all poolings share."""
    x, batched = images("x", x)
    kernel = pair("kernel_size", kernel_size, 1)
    strides = kernel if stride is None else pair("stride", stride, 1)
    pads, dilations = pair("padding", padding, 0), pair("dilation", dilation, 1)
    rounding = choice("rounding", rounding, ("exact", "floor", "ceil"))
    for axis in (0, 1):
        if 2 * pads[axis] > kernel[axis]:
            raise ValueError(
                f"padding must be at most half of kernel_size, but in {AXES[axis]} it is {pads[axis]} "
                f"with kernel_size {kernel[axis]}"
            )
    sides = ((pads[0], pads[0]), (pads[1], pads[1]))
    window_fits(x, kernel, sides, dilations)
    return Pool(x, kernel, strides, sides, dilations, rounding, batched)


def volume(X: Any) -> Array:
    """Return X as an array (A, B, C) of numbers, in native byte order."""
    array: Array = arrays(X=X)[0]
    if array.ndim != 3 or 0 in array.shape:
        raise ValueError(f"X must have shape (A, B, C), at least one of each, got {array.shape}")
    return array


def volume_and_filters(X: Any, W: Any, b: Any) -> tuple[Array, Array, Array]:
    """Return X (A, B, C), W (K, F, F, C) and b (K,) as arrays of numbers that fit together."""
    X, W, b = arrays(X=X, W=W, b=b)
    X = volume(X)
    if W.ndim != 4 or 0 in W.shape or W.shape[1] != W.shape[2]:
        raise ValueError(f"W must have shape (K, F, F, C), at least one of each, got {W.shape}")
    if W.shape[3] != X.shape[2]:
        raise ValueError(f"W has shape {W.shape}: filters of depth {W.shape[3]}, but X has depth {X.shape[2]}")
    if b.shape != (W.shape[0],):
        raise ValueError(f"b must have shape ({W.shape[0]},), one value for each filter, got {b.shape}")
    return X, W, b


def gradient(grad_output: Any, like: Array, shape: tuple[int, ...], batched: bool) -> Array:
    """Check that ``grad_output`` has the dtype of ``like`` and the ``shape`` (N, K, H, W) of the forward result."""
    grad: Array = arrays(grad_output=grad_output)[0]
    if grad.dtype != like.dtype:
        raise TypeError(f"grad_output and x must share one dtype, got {grad.dtype} and {like.dtype}")
    expected = shape if batched else shape[1:]
    if grad.shape != expected:
        raise ValueError(f"grad_output has shape {grad.shape}, but the forward result has shape {expected}")
    return grad if batched else grad[np.newaxis]


# -------------------------------------------------------------------------------------------------------- single rules


def arrays(**named: Any) -> tuple[Any, ...]:
    """Return the named arguments as arrays in native byte order that share one dtype; only a bias may be ``None``."""
    result: list[Any] = []
    kept: dict[str, np.dtype[Any]] = {}
    for name, value in named.items():
        if value is None and name == "bias":
            result.append(None)
            continue
        try:
            array = np.asarray(value)
        except ValueError as error:
            raise ValueError(f"{name} must be an array of numbers, its rows of one length, got {brief(value)}") from error
        if array.dtype.kind not in "iufcO" or array.dtype not in NUMERIC:
            array = unusual(name, value, array)
        kept[name] = array.dtype
        result.append(array)
    if len(set(kept.values())) > 1:
        listed = ", ".join(f"{name} {dtype}" for name, dtype in kept.items())
        raise TypeError(f"{', '.join(kept)} must share one dtype, got {listed}")
    return tuple(result)


def unusual(name: str, value: Any, array: Array) -> Array:
    """Return an array of objects as it is, and one of numbers in native byte order; refuse one that holds no numbers."""
    native = array.dtype.newbyteorder("=") if array.dtype.kind in "iufcO" else None
    if native is None or (native not in NUMERIC and native.kind != "O"):
        raise TypeError(
            f"{name} must hold float16, float32, float64, complex64, complex128, integers or objects that add and "
            f"multiply, got {array.dtype}"
        )
    if native.kind == "O" and (array.ndim == 0 or any(isinstance(v, NOT_NUMBERS) for v in array.flat)):
        raise TypeError(f"{name} must be an array of numbers, got {brief(value)}")
    return array.astype(native, copy=False)


NUMERIC = frozenset(map(np.dtype, ("f2", "f4", "f8", "c8", "c16", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")))
BOOLS, USUAL = (bool, np.bool_), (tuple, list, int)  # a union would be made anew for each look
NOT_NUMBERS = (str, bytes, bool, np.bool_, type(None), list, tuple, dict, np.ndarray)


def images(name: str, array: Array) -> tuple[Array, bool]:
    """Return ``array`` as (N, C, H, W), and whether it came that way."""
    if array.ndim not in (3, 4):
        raise ValueError(f"{name} must have shape (N, C, H, W) or (C, H, W), got {array.shape}")
    if 0 in array.shape[-3:]:
        raise ValueError(f"{name} must have at least one channel, row and column, got shape {array.shape}")
    return (array, True) if array.ndim == 4 else (array[np.newaxis], False)


def filters(weight: Array) -> None:
    """Refuse a weight that is not four-dimensional, or empty."""
    if weight.ndim != 4:
        raise ValueError(f"weight must have four dimensions (filters, channels, rows, columns), got shape {weight.shape}")
    if 0 in weight.shape:
        raise ValueError(f"weight must have at least one filter, channel, row and column, got shape {weight.shape}")


def bias_length(bias: Array | None, length: int) -> None:
    """Refuse a bias that has not one value for each filter."""
    if bias is not None and bias.shape != (length,):
        raise ValueError(f"bias must have shape ({length},), one value for each filter, got {bias.shape}")


def divides(groups: int, what: str, count: int) -> None:
    """Refuse groups that do not divide the channels or the filters."""
    if count % groups:
        raise ValueError(f"groups must divide the number of {what}, but {count} / {groups} is not an integer")


def integer(name: str, value: Any, least: int | None, part: str = "") -> int:
    """Return ``value`` as a Python integer of at least ``least``; neither a bool nor a float is one."""
    try:
        if isinstance(value, BOOLS):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name}{part} must be an integer, got {brief(value)} of type {type(value).__name__}") from None
    if least is not None and number < least:
        raise ValueError(f"{name}{part} must be at least {least}, got {number}")
    return number


def pair(name: str, value: Any, least: int, parts: tuple[str, str] = AXES) -> Pair:
    """Return an int or a pair as a pair: of (height, width), unless ``parts`` says otherwise."""
    if not is_sequence(value):
        number = integer(name, value, least)
        return number, number
    if len(value) != 2:
        raise ValueError(f"{name} must be an int or a pair ({', '.join(parts)}), got {brief(value)} with {len(value)} values")
    return integer(name, value[0], least, f" ({parts[0]})"), integer(name, value[1], least, f" ({parts[1]})")


def conv_padding(padding: Any, kernel: Pair, stride: Pair, dilation: Pair) -> Sides:
    """Return any form of a convolution's padding as ((top, bottom), (left, right))."""
    if isinstance(padding, str):
        if choice("padding", padding, ("valid", "same")) == "valid":
            return (0, 0), (0, 0)
        if stride != (1, 1):
            raise ValueError(f"padding='same' needs stride 1, got stride {stride}")
        total_h, total_w = (d * (f - 1) for d, f in zip(dilation, kernel, strict=True))
        return (total_h // 2, total_h - total_h // 2), (total_w // 2, total_w - total_w // 2)  # the odd cell at the end
    if is_sequence(padding) and len(padding) == 2 and all(map(is_sequence, padding)):
        return pair("padding", padding[0], 0, ("top", "bottom")), pair("padding", padding[1], 0, ("left", "right"))
    height, width = pair("padding", padding, 0)
    return (height, height), (width, width)


def choice(name: str, value: Any, allowed: tuple[str, ...]) -> str:
    """Return ``value`` if it is one of the names that are ``allowed``."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {brief(value)}")
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {brief(value)}")
    return allowed[allowed.index(value)]  # a subclass of str may be equal, and not hashable


def flag(name: str, value: Any) -> bool:
    """Return ``value`` if it is a bool."""
    if not isinstance(value, BOOLS):
        raise TypeError(f"{name} must be True or False, got {brief(value)}")
    return bool(value)


# --------------------------------------------------------------------------------------------------------------- sizes


def reach(kernel: int, dilation: int) -> int:
    """Return how many cells a dilated window spans from its first tap to its last: D(F - 1) + 1."""
    return dilation * (kernel - 1) + 1


def window_fits(x: Array, kernel: Sequence[int], padding: Sides, dilation: Pair) -> None:
    """Refuse a window larger than the padded input, and a padded input larger than memory."""
    shape, size = x.shape, [0, 0]
    for axis in (0, 1):
        (low, high), span = padding[axis], reach(kernel[axis], dilation[axis])
        size[axis] = shape[2 + axis] + low + high
        if span > size[axis]:
            raise ValueError(
                f"the window is larger than the padded input: in {AXES[axis]}, dilation * (kernel - 1) + 1 = "
                f"{dilation[axis]} * ({kernel[axis]} - 1) + 1 = {span}, but the input has "
                f"{shape[2 + axis]} + {low} + {high} = {size[axis]}"
            )
    memory_fits("the padded input", (shape[0], shape[1], size[0], size[1]), x.itemsize)


def memory_fits(what: str, shape: tuple[int, ...], itemsize: int) -> None:
    """Refuse an array that this machine's memory cannot hold, before anything is allocated."""
    size = itemsize * prod(shape if 0 not in shape else [max(n, 1) for n in shape])  # also an empty batch has to be a shape
    if size > MEMORY:
        raise ValueError(f"{what} would have shape {shape} and {size} bytes, more than this machine's {MEMORY}")


def _memory() -> int:
    """Return this machine's memory in bytes, or no limit where it cannot be asked (there, allocating raises)."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return sys.maxsize


MEMORY = _memory()


def untiled(axis: int, size: int, kernel: int, stride: int, padding: Pair, dilation: int) -> ValueError:
    """Return the error for windows that do not tile the input exactly, with its arithmetic."""
    span, (low, high) = reach(kernel, dilation), padding
    name = ("H", "W")[axis]
    window = f"{span}" if dilation == 1 else f"({dilation} * ({kernel} - 1) + 1)"
    return ValueError(
        f"the windows do not tile the input's {AXES[axis]}: ({name} - F + 2P)/S + 1 = "
        f"({size} - {window} + {low} + {high}) / {stride} + 1 = {size - span + low + high}/{stride} + 1 is not an integer; "
        f"rounding='floor' drops the remainder, as PyTorch does"
    )


def vanished(a: Conv, axis: int, left: int) -> ValueError:
    """Return the error for a transposed convolution whose padding takes the whole result away, with its arithmetic."""
    size, kernel, pad = a.x.shape[2 + axis], a.weight.shape[2 + axis], a.padding[axis][0]
    return ValueError(
        f"padding takes the whole result away: in {AXES[axis]}, "
        f"(size - 1) * stride + dilation * (kernel - 1) + 1 + output_padding - 2 * padding = "
        f"({size} - 1) * {a.stride[axis]} + {a.dilation[axis]} * ({kernel} - 1) + 1 + {a.output_padding[axis]} - 2 * {pad} "
        f"= {left}"
    )


# -------------------------------------------------------------------------------------------------------------- dtypes


def carrier(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype that sums are carried in: float32 for float16 (rounded once, at the end), else the same."""
    return np.dtype(np.float32) if dtype == np.float16 else dtype


def lowest(dtype: np.dtype[Any]) -> Any:
    """Return what max pooling pads with: -inf, or the least integer."""
    return np.iinfo(dtype).min if dtype.kind in "iu" else -np.inf


def is_sequence(value: Any) -> bool:
    """Return whether ``value`` is a sequence of options (a string is a name; a 0-d array is a number)."""
    if isinstance(value, USUAL):  # at once
        return not isinstance(value, int)
    if isinstance(value, np.ndarray):
        return value.ndim > 0
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def brief(value: Any) -> str:
    """Return a repr short enough for one line of an error."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else text[:57] + "..."
