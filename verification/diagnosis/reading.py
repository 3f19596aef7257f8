"""What an implementation reads, seen with one-hot arrays.

One argument (x, or grad_output) is one-hot, each of its cells in turn; the weight holds codes, so that each tap is known by its
number. From the results one reads off which cell every output cell reads through every tap.
"""

import time
from typing import Any, NamedTuple

import numpy as np

import contract
from contract import Array, Conv, Pool, reach
from verification.bugs.reference import Reference
from verification.cases import Case
from verification.diagnosis.likeness import RIGHT, due
from verification.diagnosis.results import run
from verification.implementation import Implementation
from verification.operations import OPTIONS

LEFT_OUT = "left out of every sum"
DEPTH = 4  # channels of a small call, if the case has as many
CELLS, TAPS = 300, 2000  # a case with more is not read cell by cell in its own sizes


class Small(NamedTuple):
    """A small geometry with the options of a failing case."""

    operation: str
    options: dict[str, Any]
    image: tuple[int, int, int]  # of x, without the batch
    weight: tuple[int, ...]  # of the weight; of a pool, kernel_size
    stride: tuple[int, int]
    rounding: str  # also of those who take no such option
    result: tuple[int, int, int] = (0, 0, 0)  # without the batch

    @property
    def primary(self) -> str:
        """Return the name of the argument that is one-hot."""
        return "grad_output" if self.operation.endswith("_backward") else "x"

    @property
    def output(self) -> str:
        """Return the name of the result that is read."""
        return "grad_x" if self.primary == "grad_output" else "y"

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return the shape of that argument, without the batch."""
        return self.result if self.primary == "grad_output" else self.image

    def case(self, primary: Array, weight: Array | None, x: Array | None = None) -> Case:
        """Return the call with these arrays."""
        arguments: dict[str, Any] = {self.primary: primary}
        if self.primary == "grad_output":
            arguments["x"] = np.zeros((len(primary), *self.image)) if x is None else x
        if weight is None:
            arguments["kernel_size"] = self.weight[0] if self.weight[0] == self.weight[1] else self.weight
        else:
            arguments |= {"weight": weight} | ({} if self.primary == "grad_output" else {"bias": None})
        return Case(self.operation, arguments, self.options)


def _canonical(implementation: Implementation, case: Case) -> Conv | Pool | None:
    """Return the arguments that ``case`` stands for in canonical form; ``None`` if the contract refuses them."""
    try:
        return _checked(case.operation.removesuffix("_backward"), due(implementation, case))
    except (TypeError, ValueError):
        return None


def near(implementation: Implementation, case: Case) -> Small | None:
    """Return a geometry with the options of ``case`` and few, small arrays; ``None`` if the contract refuses ``case``."""
    a = _canonical(implementation, case)
    if a is None:
        return None
    kernel, groups, channels = _kernel(a), 1, 1
    taps = min(kernel[0], max(4, 2 * a.padding[0][0])), min(kernel[1], max(4, 2 * a.padding[1][0]))
    weight: tuple[int, ...] = taps
    if isinstance(a, Conv):
        groups = min(a.groups, 2)
        depth, share = min(a.weight.shape[1], DEPTH), min(a.weight.shape[0] // a.groups, 2)
        channels = groups * (share if "transpose" in case.operation else depth)
        weight = (groups * share, depth, *taps)
    sizes = [3 if "transpose" in case.operation else _shrunk(a, i, taps[i]) for i in (0, 1)]
    options = dict(case.options) | ({"groups": groups} if groups > 1 else {})
    return _fitted(Small(case.operation, options, (channels, sizes[0], sizes[1]), weight, a.stride, a.rounding))


def own(implementation: Implementation, case: Case) -> Small | None:
    """Return the geometry of ``case`` itself; ``None`` if it has too many cells to try them one by one."""
    a = _canonical(implementation, case)
    if a is None:
        return None
    weight = a.weight.shape if isinstance(a, Conv) else a.kernel
    found = _fitted(Small(case.operation, dict(case.options), a.x.shape[1:], weight, a.stride, a.rounding))
    return found if found is not None and np.prod(found.shape) <= CELLS and np.prod(weight) <= TAPS else None


def wider(small: Small) -> Small | None:
    """Return the geometry with two windows more in each row and column."""
    C, H, W = small.image
    return _fitted(small._replace(image=(C, H + 2 * small.stride[0], W + 2 * small.stride[1])))


def _fitted(small: Small) -> Small | None:
    """Return the geometry with the size of its result; ``None`` if its sizes do not go together."""
    options = {name: v for name, v in small.options.items() if name != "return_indices"}
    floored = {"rounding": small.rounding} if "transpose" not in small.operation else {}
    weight = small.weight if len(small.weight) == 2 else np.zeros(small.weight)
    try:
        y = getattr(Reference(), small.operation.removesuffix("_backward"))(
            np.zeros((1, *small.image)), weight, **options | floored
        )
    except (TypeError, ValueError):
        return None
    return small._replace(options=options, result=y.shape[1:])


def _kernel(a: Conv | Pool) -> tuple[int, ...]:
    return a.kernel if isinstance(a, Pool) else a.weight.shape[2:]


def _checked(forward: str, case: Case) -> Conv | Pool:
    arguments = [case.arguments[name] for name in ("x", "weight", "kernel_size") if name in case.arguments]
    options = {n: v for n, v in (OPTIONS[forward] | dict(case.options)).items() if n != "return_indices"}
    if forward.startswith("conv"):
        arguments.append(None)
    found = getattr(contract, forward)(*arguments, **options)
    a: Conv | Pool = found[0] if forward == "avg_pool2d" else found
    return a


def _shrunk(a: Conv | Pool, axis: int, kernel: int) -> int:
    """Return a size with four windows or more, of which two lie inside the image, and with the same remainder."""
    size, stride, span = int(a.x.shape[2 + axis]), a.stride[axis], reach(kernel, a.dilation[axis])
    pads = sum(a.padding[axis])
    few = max(3, -(-(pads + 1) // stride) + 1)
    return max(span + few * stride + (size + pads - reach(_kernel(a)[axis], a.dilation[axis])) % stride - pads, 1)


# -------------------------------------------------------------------------------------------------------------- one-hot


def read_off(implementation: Implementation, small: Small, deadline: float) -> str | None:
    """Return the first cell that reads wrong cells, in words; "" if none does, ``None`` if that cannot be seen, or in time."""
    cells = int(np.prod(small.shape))
    weight = None if len(small.weight) == 2 else _codes(small.weight)
    expected, got = [], []
    for one in (np.zeros((1, *small.shape)), *np.eye(cells).reshape(cells, 1, *small.shape)):
        x = None
        if small.operation == "max_pool2d_backward":  # the winners must be the same in every call
            x = np.random.default_rng(0).permutation(int(np.prod(small.image))).reshape(1, *small.image) + 1.0
        if time.monotonic() > deadline:
            return None
        case = small.case(one, weight, x)
        right, found = run(RIGHT, due(implementation, case)), run(implementation, case)
        if right is None or found is None or found.error is not None or right.error is not None:
            return None
        if not found.arrays or found.arrays[0].shape != right.arrays[0].shape:
            return None
        expected.append(right.arrays[0][0])
        got.append(found.arrays[0][0])
    if not np.array_equal(expected[0], got[0], equal_nan=True):
        at = tuple(int(i) for i in np.argwhere(expected[0] != got[0])[0])
        where = f"{small.output}[0, {', '.join(map(str, at))}]"
        return f"Where {small.primary} is all zeros, {where} should be {expected[0][at]}; it is {got[0][at]}"
    return _difference(small, np.array(expected[1:]), np.array(got[1:]))


def _difference(small: Small, right: Array, got: Array) -> str | None:
    """Return what the first cell that differs reads: arrays are (cells of the primary argument, channels, rows, columns)."""
    if small.operation == "max_pool2d":
        right, got = right == 1, got == 1  # whether a window holds the cell
    if len(small.weight) == 4 and (got != got.astype(np.int64)).any():
        return None  # these are no sums of codes
    wrong = np.argwhere((right != got).any(0))
    if not len(wrong):
        return ""
    index = tuple(int(i) for i in wrong[0])
    at, verb = f"{small.output}[0, {', '.join(map(str, index))}]", "read" if small.output == "y" else "get"
    reads, found = (_terms(small, np.moveaxis(values, 0, -1)[index]) for values in (right, got))
    lost, gained = [t for t in reads if t not in found], [t for t in found if t not in reads]
    if lost and gained:
        return f"{at} should {verb} {lost[0]}; it {verb}s {gained[0]}"
    if lost:
        return f"{at} should {verb} {lost[0]}; it does not{_left_out(small, right, got)}"
    return f"{at} should not {verb} {gained[0]}; it does" if gained else None


def _left_out(small: Small, right: Array, got: Array) -> str:
    """Return which part of the weight is never used, as the end of a sentence, if that is all that is wrong; else ""."""
    if len(small.weight) != 4 or got[right != got].any():
        return ""
    codes = _codes(small.weight)
    lost, kept = np.isin(codes, right[right != got]), np.isin(codes, got)
    sets = [sorted(set(places.tolist())) for places in np.nonzero(lost)]
    if not lost.any() or (kept & lost).any() or kept[np.ix_(*sets)].any():
        return ""
    part = [":" if len(s) == n else str(s[0] if len(s) == 1 else s) for s, n in zip(sets, small.weight, strict=True)]
    where = "all of weight" if set(part) == {":"} else f"weight[{', '.join(part)}]"
    return f"; {where} is {LEFT_OUT}"


def _terms(small: Small, values: Array) -> list[str]:
    """Return the products that an output cell is the sum of, in words, tap by tap."""
    found: list[tuple[int, str]] = []
    for n in np.flatnonzero(values):
        cell = f"{small.primary}[0, {_place(int(n), small.shape)}]"
        if len(small.weight) == 2:
            found.append((0, cell if values[n] == 1 else f"{cell} * {values[n]:g}"))
        else:
            taps = _taps(float(values[n]), _codes(small.weight).ravel())
            found += [(t, f"{'' if m == 1 else f'{m} * '}{cell} through weight[{_place(t, small.weight)}]") for t, m in taps]
            found += [] if taps else [(0, f"{cell}, not once through one tap")]
    return [words for _, words in sorted(found, key=lambda item: item[0])]


def _taps(value: float, codes: Array) -> list[tuple[int, int]]:
    """Return the taps whose codes add up to ``value``, and how often: one of them up to nine times, or two."""
    known = {float(code): tap for tap, code in enumerate(codes)}
    times = next((m for m in (1, -1, 2, 3, 4, 5, 6, 7, 8, 9) if value / m in known), 0)
    if times:
        return [(known[value / times], times)]
    first = next((tap for code, tap in known.items() if value - code in known), None)
    return [] if first is None else [(first, 1), (known[value - codes[first]], 1)]


def _codes(shape: tuple[int, ...]) -> Array:
    """Return distinct numbers, so large that sums of a few of them are hardly ever alike."""
    count = int(np.prod(shape))
    return np.random.default_rng(count).choice(2**20, count, replace=False).reshape(shape) + 2.0**20


def _place(n: int, shape: tuple[int, ...]) -> str:
    return ", ".join(str(int(i)) for i in np.unravel_index(n, shape))
