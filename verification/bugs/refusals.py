"""Bugs of refusal: what the contract refuses is accepted, or what it accepts is refused, or in the wrong way."""

from typing import Any

import numpy as np

from verification.bugs.bend import Arguments, Bug, Right, around, before, lenient, pair
from verification.operations import FORWARD, OPERATIONS

CONV = ("conv2d",)
SOME = ("conv2d", "max_pool2d")
SIZES = ("stride", "padding", "dilation", "kernel_size", "output_padding")


def options(change: Any) -> Any:
    """Return a repair: ``change`` applied to every number of every size option."""
    return lambda f, a: f(a | {name: _mapped(change, a[name]) for name in SIZES if name in a})


def _mapped(change: Any, value: Any) -> Any:
    if isinstance(value, tuple | list):
        return tuple(_mapped(change, v) for v in value)
    return value if value is None or isinstance(value, str) else change(value)


def _nothing(f: Right, a: Arguments) -> Any:  # noqa: ARG001
    """Return a result without rows and columns."""
    x = np.asarray(a["x"])
    return np.zeros((*x.shape[:-2], 0, 0), x.dtype)


def _same_strided(f: Right, a: Arguments) -> Any:
    """Pad as TensorFlow's "same" does with a stride; negative where the stride is larger than the kernel, and so cropped."""
    x, kernel = np.asarray(a["x"]), np.shape(a["weight"])[2:]
    sides = []
    for axis, (size, tap, stride) in enumerate(zip(x.shape[-2:], kernel, pair(a["stride"]), strict=True)):
        total = (-(-size // stride) - 1) * stride + tap - size
        x = np.moveaxis(np.moveaxis(x, axis - 2, 0)[: min(size, size + total)], 0, axis - 2)
        sides.append((max(total, 0) // 2, max(total, 0) - max(total, 0) // 2))
    return f(a | {"x": x, "padding": tuple(sides), "rounding": "floor"})


def _raise(error: Exception) -> Any:
    raise error


def _extra_channels(f: Right, a: Arguments) -> Any:
    """Read as many channels as the weight has."""
    x, w = np.asarray(a["x"]), np.asarray(a["weight"])
    return f(a | {"x": np.take(x, range(w.shape[1] * a["groups"]), -3, mode="wrap")})


def _whole_groups(f: Right, a: Arguments) -> Any:
    """Leave over the channels and filters that do not fill a group."""
    x, w, g = np.asarray(a["x"]), np.asarray(a["weight"]), a["groups"]
    C, K = x.shape[-3] // g * g, len(w) // g * g
    x = np.moveaxis(np.moveaxis(x, -3, 0)[:C], 0, -3)
    return f(a | {"x": x, "weight": w[:K, : C // g], "bias": None if a["bias"] is None else a["bias"][:K]})


def _stretched_bias(f: Right, a: Arguments) -> Any:
    """Repeat or cut the bias to the filters."""
    return f(a | {"bias": np.resize(np.ravel(a["bias"]), len(a["weight"]))})


def _promoted(f: Right, a: Arguments) -> Any:
    """Convert everything to what NumPy would make of the sum."""
    names = [name for name in ("grad_output", "x", "weight", "bias") if a.get(name) is not None]
    dtype = np.result_type(*(np.asarray(a[name]) for name in names))
    return f(a | {name: np.asarray(a[name]).astype(dtype) for name in names})


def _as(dtype: Any) -> Any:
    """Convert x to another dtype and go on."""
    return lambda f, a: f(a | {"x": np.asarray(a["x"]).astype(dtype)})


def _zero_gradients(f: Right, a: Arguments) -> Any:  # noqa: ARG001
    """Return gradients of the right shapes."""
    x, w = np.asarray(a["x"]), a.get("weight")
    return np.zeros_like(x) if w is None else (np.zeros_like(x), np.zeros_like(w), np.zeros(len(w), x.dtype))


def _wrapped(bits: int) -> Any:
    """Keep a size in an unsigned integer of so many bits."""
    return before(lambda a: {k: _mapped(lambda v: v % 2**bits if isinstance(v, int) else v, a[k]) for k in SIZES if k in a})


def _python_integers_only(a: Arguments) -> Arguments:
    for name in SIZES:
        if name in a:
            _mapped(lambda v: v if type(v) is int else _raise(TypeError(f"not an int: {v!r}")), a[name])
    return {}


def _tuples_only(a: Arguments) -> Arguments:
    for name in SIZES:
        if isinstance(a.get(name), list):
            raise TypeError(f"{name} must be an int or a tuple")
    return {}


def _other_error(f: Right, a: Arguments, wrong: type[Exception]) -> Any:
    try:
        return f(a)
    except (TypeError, ValueError) as error:
        raise wrong(str(error)) from None


def _huge_stride(a: Arguments) -> Arguments:
    return {} if a["stride"] is None else {"stride": tuple(int(np.int32(v)) for v in pair(a["stride"]))}


ACCEPTED = (
    Bug(
        "large kernel accepted",
        "a window larger than the padded input gives an empty result",
        SOME,
        "?",
        lenient("the window is larger", _nothing),
        "keras#21796",
    ),
    Bug(
        "'same' with a stride",
        "padding='same' is accepted with a stride, and works out a negative padding where the stride is larger than the kernel",
        CONV,
        "?",
        lenient("padding='same' needs stride 1", _same_strided),
        "tensorflow#1991, onnxruntime#10086",
    ),
    Bug(
        "negative padding accepted",
        "negative padding is accepted: taken as 0",
        FORWARD,
        "?",
        lenient("must be at least 0", options(lambda v: max(v, 0))),
        "pytorch#77514",
    ),
    Bug(
        "zero sizes accepted",
        "a stride, dilation or window of 0 is taken as 1",
        FORWARD,
        "?",
        lenient("must be at least 1", options(lambda v: v if v is True else max(v, 1))),
    ),
    Bug(
        "zero groups divide",
        "groups=0 divides by zero",
        CONV,
        "?",
        lenient("groups must be at least 1", lambda *_: _raise(ZeroDivisionError("division by zero"))),
        "mlx#2858",
    ),
    Bug(
        "empty weight accepted",
        "a weight without taps or filters gives an empty result",
        CONV,
        "?",
        lenient("weight must have at least one", _nothing),
        "mlx#2858",
    ),
    Bug(
        "empty image accepted",
        "an image without rows, columns or channels gives an empty result",
        SOME,
        "?",
        lenient("must have at least one channel", _nothing),
    ),
    Bug(
        "floats truncated",
        "a stride or padding of 1.5 is truncated to 1",
        FORWARD,
        "?",
        lenient("must be an integer", options(lambda v: int(v) if isinstance(v, float) else v)),
    ),
    Bug("bool as a size", "True is taken as a size of 1", FORWARD, "?", lenient("of type bool", options(int))),
    Bug("dtypes promoted", "mixed dtypes are promoted", OPERATIONS, "?", lenient("must share one dtype", _promoted)),
    Bug("bool arrays accepted", "bool arrays are taken as integers", SOME, "?", lenient("got bool", _promoted)),
    Bug(
        "complex numbers pooled",
        "complex numbers have a maximum: that of their real parts",
        ("max_pool2d",),
        "?",
        lenient("complex numbers have no maximum", lambda f, a: f(a | {"x": np.asarray(a["x"]).real})),
    ),
    Bug(
        "integers averaged",
        "integers are averaged as float64",
        ("avg_pool2d",),
        "?",
        lenient("to be averaged", lambda f, a: f(a | {"x": np.asarray(a["x"]).real.astype(float)})),
    ),
    Bug(
        "surplus channels ignored",
        "channels of x for which the weight has none are ignored",
        CONV,
        "?",
        lenient("channels per filter", _extra_channels),
    ),
    Bug(
        "surplus groups ignored",
        "channels and filters that do not fill a group are ignored",
        CONV,
        "?",
        lenient("groups must divide", _whole_groups),
    ),
    Bug(
        "bias stretched",
        "a bias of the wrong length is repeated or cut",
        CONV,
        "?",
        lenient("bias must have shape", _stretched_bias),
    ),
    Bug(
        "any padding of a pool",
        "a pool's padding may be larger than half of its window",
        ("max_pool2d", "avg_pool2d"),
        "?",
        lenient("at most half of kernel_size", lambda f, a: f(a | {"padding": tuple(v // 2 for v in pair(a["kernel_size"]))})),
    ),
    Bug(
        "unknown padding is 'valid'",
        "an unknown name of a padding is taken as 'valid'",
        CONV,
        "?",
        lenient("padding must be one of", lambda f, a: f(a | {"padding": 0})),
    ),
    Bug(
        "unknown rounding is 'floor'",
        "an unknown name of a rounding is taken as 'floor'",
        SOME,
        "?",
        lenient("rounding must be one of", lambda f, a: f(a | {"rounding": "floor"})),
    ),
    Bug(
        "output_padding unlimited",
        "output_padding may be as large as the stride",
        ("conv_transpose2d",),
        "?",
        lenient("output_padding must be smaller", lambda f, a: f(a | {"output_padding": 0})),
    ),
    Bug(
        "any grad_output accepted",
        "a grad_output of the wrong shape is accepted",
        ("conv2d_backward", "max_pool2d_backward", "avg_pool2d_backward"),
        "?",
        lenient("grad_output has shape", _zero_gradients),
    ),
    Bug(
        "divisor of zero accepted",
        "divisor_override=0 is accepted and divides by zero",
        ("avg_pool2d",),
        "?",
        lenient("divisor_override must be a nonzero", lambda f, a: f(a | {"divisor_override": None}) * np.inf),
    ),
    Bug("sizes in 32 bits", "sizes wrap at 2^32", SOME, "?", _wrapped(32), "tensorflow#112776"),
    Bug("sizes in 64 bits", "sizes wrap at 2^64", SOME, "?", _wrapped(64)),
)

REFUSED = (
    Bug("NumPy integers refused", "a size that is a NumPy integer is refused", SOME, "?", before(_python_integers_only)),
    Bug("lists of sizes refused", "a pair must be a tuple: a list is refused", SOME, "?", before(_tuples_only)),
    Bug("huge stride refused", "a stride past 2^31 raises", SOME, "?", before(_huge_stride)),
    Bug(
        "assertions",
        "what must be refused raises AssertionError",
        OPERATIONS,
        "?",
        around(lambda f, a: _other_error(f, a, AssertionError)),
    ),
    Bug(
        "one kind of error",
        "a value of the wrong kind raises ValueError, not TypeError",
        OPERATIONS,
        "?",
        around(lambda f, a: _other_error(f, a, ValueError)),
    ),
)

BUGS = (*ACCEPTED, *REFUSED)
