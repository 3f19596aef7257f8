"""Bugs of arithmetic: dtypes, rounding, integers, NaN and Inf."""

from functools import reduce
from typing import Any

import numpy as np

from contract import Array
from verification.bugs.bend import Arguments, Bug, Right, around, before, bend, each
from verification.bugs.reference import Reference
from verification.operations import OPERATIONS

CONV, GRAD = ("conv2d",), ("conv2d_backward",)
SUMS = ("conv2d", "conv2d_backward", "conv_transpose2d", "conv_transpose2d_backward")
ARRAYS = ("grad_output", "x", "weight", "bias")


def carried(**by_kind: Any) -> Any:
    """Return a rule for the dtype of sums: those of some kinds are carried in another dtype."""

    def carrier(self: Reference, dtype: np.dtype[Any]) -> np.dtype[Any]:
        other = by_kind.get(dtype.name, by_kind.get(dtype.kind))
        return Reference.carrier(self, dtype) if other is None else np.dtype(other)

    return carrier


def _term_by_term(self: Reference, windows: Array, filters: Array) -> Array:  # noqa: ARG001
    """Add the products one after the other in their own dtype."""
    terms = windows[:, :, None] * filters[None, :, :, :, None, :, None, :]  # (n, g, k, c, p, r, q, s)
    taps = np.moveaxis(terms, (3, 5, 7), (0, 1, 2))
    return reduce(np.add, (taps[tap] for tap in np.ndindex(taps.shape[:3])))


def _without_zero_weights(self: Reference, windows: Array, filters: Array) -> Array:  # noqa: ARG001
    """Skip the taps whose weight is zero, as sparse code does."""
    w = filters[None, :, :, :, None, :, None, :]
    y: Array = np.where(w == 0, w * 0, windows[:, :, None] * w).sum((3, 5, 7), windows.dtype)
    return y


def _with_next_column(f: Right, a: Arguments) -> Any:
    """Add zero times what the windows one cell on would give."""
    return f(a) + 0 * bend(position=lambda self, v, i, r: Reference.position(self, v, i, r) + 1)("conv2d")(**a)


def floats(change: Any) -> Any:
    """Apply ``change`` to every array argument of a float dtype."""

    def changed(a: Arguments) -> Arguments:
        arrays = {name: np.asarray(a[name]) for name in ARRAYS if a.get(name) is not None}
        return {name: change(v) for name, v in arrays.items() if v.dtype.kind == "f"}

    return before(changed)


def _truncated(v: Array) -> Array:
    """Keep 10 bits of a float32's fraction."""
    return (v.astype("=f4").view(np.uint32) & 0xFFFFE000).view(np.float32) if v.dtype.itemsize == 4 else v


def _through_fft(y: Array, _: Arguments) -> Array:
    """Send a float result through a Fourier transform and back, in its own precision."""
    if y.dtype.kind != "f" or y.size == 0 or y.dtype.itemsize == 2:
        return y
    return np.fft.irfft2(np.fft.rfft2(y), y.shape[-2:]).astype(y.dtype)


def _misread(a: Arguments) -> Arguments:
    """Read arrays of foreign byte order as if they were native."""
    arrays = {name: np.asarray(a[name]) for name in ARRAYS if a.get(name) is not None}
    return {name: v.view(v.dtype.newbyteorder("=")) for name, v in arrays.items() if not v.dtype.isnative}


def _saturated(self: Reference, y: Array, a: Any) -> Array:
    if a.x.dtype.kind in "iu":
        y = y.clip(np.iinfo(a.x.dtype).min, np.iinfo(a.x.dtype).max)
    return Reference.finish(self, y, a)


FLOATS = (
    Bug(
        "float16 summed in float16",
        "float16 sums are carried in float16",
        CONV,
        "float16",
        bend(carrier=lambda _, dtype: dtype, product=_term_by_term),
        "oneDNN#5041",
    ),
    Bug(
        "float16 rounded twice",
        "float16 sums are rounded before the bias is added, and again after it",
        CONV,
        "float16",
        bend(add_bias=lambda self, y, b, w: Reference.add_bias(self, y.astype(w.dtype).astype(y.dtype), b, w)),
    ),
    Bug(
        "float64 summed in float32",
        "float64 and complex128 sums are carried in single precision",
        (*SUMS, "avg_pool2d", "avg_pool2d_backward"),
        "exact",
        bend(carrier=carried(float64=np.float32, complex128=np.complex64)),
    ),
    Bug(
        "TensorFloat-32",
        "float32 inputs lose all but 10 bits of their fractions (TensorFloat-32)",
        CONV,
        "rounding",
        floats(_truncated),
    ),
    Bug(
        "float32 through an FFT",
        "results go through a Fourier transform: every one gets an error of the size of the largest",
        CONV,
        "rounding",
        each(_through_fft),
    ),
    Bug(
        "an epsilon is added",
        "a small constant is added to every result",
        (*CONV, "avg_pool2d"),
        "exact",
        each(lambda y, _: y + np.asarray(1e-6, y.dtype) if y.dtype.kind == "f" else y),
    ),
    Bug(
        "denormals flushed",
        "denormal inputs are taken as zero",
        CONV,
        "rounding",
        floats(lambda v: np.where(np.abs(v) < np.finfo(v.dtype).tiny, v.dtype.type(0), v)),
    ),
    Bug(
        "promoted to float64",
        "the result is float64, whatever the inputs are",
        ("conv2d", "conv2d_backward", "max_pool2d", "avg_pool2d"),
        "dtype",
        each(lambda y, _: y.astype(np.float64) if y.dtype.kind == "f" else y),
    ),
    Bug("NaN taken as zero", "NaN in an input is taken as zero", (*CONV, "avg_pool2d"), "footprint", floats(np.nan_to_num)),
    Bug(
        "zero weights skipped",
        "taps whose weight is zero are skipped: NaN and Inf under them are lost",
        CONV,
        "footprint",
        bend(product=_without_zero_weights),
    ),
    Bug(
        "reads beyond the window",
        "the column after each window is read too, times zero: NaN and Inf spread",
        CONV,
        "footprint",
        around(_with_next_column),
        "tensorflow#24196",
    ),
)

EXACT = (
    Bug(
        "integers through float64",
        "integers are summed as float64: wrong above 2^53",
        SUMS,
        "integers",
        bend(carrier=carried(i=np.float64, u=np.float64)),
        "cupy#6047",
    ),
    Bug(
        "integers through float32",
        "integers are summed as float32: wrong above 2^24",
        SUMS,
        "integers",
        bend(carrier=carried(i=np.float32, u=np.float32)),
    ),
    Bug(
        "integers saturate",
        "integers stop at their largest value, where they should wrap",
        CONV,
        "integers",
        bend(carrier=carried(int8=np.int64, int16=np.int64, int32=np.int64, uint8=np.int64), finish=_saturated),
    ),
    Bug(
        "small integers widened",
        "small integers are summed in their own type, and then widened",
        CONV,
        "dtype",
        each(lambda y, _: y.astype(np.int64) if y.dtype.kind in "iu" else y),
        "cupy#6047",
    ),
    Bug(
        "fractions through floats",
        "objects (fractions) go through float64",
        (*CONV, "avg_pool2d"),
        "fractions",
        bend(carrier=carried(O=np.float64)),
    ),
    Bug(
        "filters conjugated",
        "complex filters are conjugated, as np.vdot does",
        CONV,
        "complex",
        bend(product=lambda self, windows, filters: Reference.product(self, windows, filters.conj())),
    ),
    Bug(
        "gradient not conjugated",
        "complex gradients lack their conjugate",
        ("conv2d_backward", "conv_transpose2d_backward"),
        "complex",
        bend(conj=lambda _, array: array),
    ),
    Bug(
        "imaginary parts dropped",
        "the imaginary parts of x are dropped",
        CONV,
        "complex",
        before(lambda a: {"x": (v.real + 0j).astype(v.dtype)} if (v := np.asarray(a["x"])).dtype.kind == "c" else {}),
    ),
    Bug(
        "foreign byte order misread", "arrays of foreign byte order are read as native", OPERATIONS, "layouts", before(_misread)
    ),
)

BUGS = (*FLOATS, *EXACT)
