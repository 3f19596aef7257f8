"""What an implementation reads, seen with one-hot arrays; and what it must take its options for, to read that.

One argument (x, or grad_output) is one-hot, each of its cells in turn; the weight holds codes, so that each tap is known by its
number. From the results one reads off which cell every output cell reads through every tap.

``taken_as`` bends the reference's own options, one or two at a time, until it gives what the implementation gives.
"""

import time
from collections.abc import Iterator
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

import contract
from contract import Array, Conv, Pool, reach
from verification.bugs.bend import bend
from verification.bugs.reference import Axis, Reference
from verification.cases import Case
from verification.diagnosis.likeness import RIGHT, due
from verification.diagnosis.results import Result, run
from verification.implementation import Implementation
from verification.operations import OPTIONS

SIDES = ({"low": "padding_top", "high": "padding_bottom"}, {"low": "padding_left", "high": "padding_right"})


class Small(NamedTuple):
    """A small geometry with the options of a failing case."""

    operation: str
    options: dict[str, Any]
    image: tuple[int, int, int]  # of x, without the batch
    weight: tuple[int, ...]  # of the weight; of a pool, kernel_size
    result: tuple[int, int, int]  # without the batch

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


def near(implementation: Implementation, case: Case) -> Small | None:
    """Return a geometry with the options of ``case`` and few, small arrays; ``None`` if the contract refuses ``case``."""
    forward = case.operation.removesuffix("_backward")
    options = {name: v for name, v in case.options.items() if name != "return_indices"}
    asked = due(implementation, case)
    try:
        a = _checked(forward, asked)
    except (TypeError, ValueError):
        return None
    transposed = forward == "conv_transpose2d"
    weight: tuple[int, ...]
    kernel = a.kernel if isinstance(a, Pool) else a.weight.shape[2:]
    taps = min(kernel[0], max(4, 2 * a.padding[0][0])), min(kernel[1], max(4, 2 * a.padding[1][0]))
    if isinstance(a, Pool):
        channels, weight = 1, taps
    else:
        options |= {"groups": min(a.groups, 2)} if a.groups > 1 else {}
        depth, share = min(a.weight.shape[1], 2), min(a.weight.shape[0] // a.groups, 2)
        channels = min(a.groups, 2) * (share if transposed else depth)
        weight = (min(a.groups, 2) * share, depth, *taps)
    size = [min(a.x.shape[2 + i], 3) if transposed else _shrunk(a, i, taps[i]) for i in (0, 1)]
    small = Small(case.operation, options, (channels, size[0], size[1]), weight, (0, 0, 0))
    right = getattr(Reference(), forward)
    try:
        arrays = [np.zeros((1, *small.image)), taps if isinstance(a, Pool) else np.zeros(weight)]
        floored = {name: v for name, v in asked.options.items() if name == "rounding"}
        return small._replace(result=right(*arrays, **options | floored).shape[1:])
    except (TypeError, ValueError):
        return None


def _checked(forward: str, case: Case) -> Conv | Pool:
    arguments = [case.arguments[name] for name in ("x", "weight", "kernel_size") if name in case.arguments]
    options = {n: v for n, v in (OPTIONS[forward] | dict(case.options)).items() if n != "return_indices"}
    if forward.startswith("conv"):
        arguments.append(None)
    found = getattr(contract, forward)(*arguments, **options)
    a: Conv | Pool = found[0] if forward == "avg_pool2d" else found
    return a


def _shrunk(a: Conv | Pool, axis: int, kernel: int) -> int:
    """Return a size with three windows or more, of which one lies inside the image, and with the same remainder."""
    size, stride, span = int(a.x.shape[2 + axis]), a.stride[axis], reach(kernel, a.dilation[axis])
    pads = sum(a.padding[axis])
    more, rest = divmod(size + pads - span, stride)
    few = max(2, -(-(pads + 1) // stride))
    return max(span + min(more, few) * stride + rest - pads, 1)


# -------------------------------------------------------------------------------------------------------------- one-hot


def read_off(implementation: Implementation, small: Small) -> str | None:
    """Return the first cell that reads wrong cells, in words; "" if none does, ``None`` if that cannot be seen."""
    cells = int(np.prod(small.shape))
    weight = None if len(small.weight) == 2 else _codes(small.weight)
    expected, got = [], []
    for one in (np.zeros((1, *small.shape)), *np.eye(cells).reshape(cells, 1, *small.shape)):
        x = None
        if small.operation == "max_pool2d_backward":  # the winners must be the same in every call
            x = np.random.default_rng(0).permutation(int(np.prod(small.image))).reshape(1, *small.image) + 1.0
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
        return f"{at} should {verb} {lost[0]}; it does not"
    return f"{at} should not {verb} {gained[0]}; it does" if gained else None


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
            found += [] if taps else [(0, f"{cell} * {values[n]:g}")]
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


# ------------------------------------------------------------------------------------------------------ options taken as


class Change(NamedTuple):
    """One option of one axis, taken for another value; ``name`` "flip" reverses the taps."""

    axis: int
    name: str
    value: int


def taken_as(implementation: Implementation, small: Small, deadline: float) -> list[str]:
    """Return what options must be taken for to give what the implementation gives; the fewest changes that do, in words."""
    rng = np.random.default_rng(0)
    pool = len(small.weight) == 2
    x = rng.permutation(int(2 * np.prod(small.image))).reshape(2, *small.image) + 1.0
    primary = rng.integers(1, 99, (2, *small.result)).astype(float) if small.primary == "grad_output" else x
    case = small.case(primary, None if pool else rng.integers(1, 99, small.weight).astype(float), x)
    asked = due(implementation, case)
    right, got = run(RIGHT, asked), run(implementation, case)
    if right is None or got is None or got.error is not None or got.alike(right):
        return []
    seen: list[tuple[Axis, Axis]] = []
    run(_bent(small.operation, "bent", (), seen), asked)
    if not seen:
        return []
    for count in (1, 2):
        found: list[str] = []
        for mode in ("bent", "given"):
            options = list(_changes(seen[0], mode, "transpose" in small.operation, pool))
            for changes in combinations(options, count):
                if time.monotonic() > deadline:
                    return found
                if len({(c.axis, c.name) for c in changes}) == count and _fits(small, mode, changes, asked, got):
                    found.append(_words(seen[0], mode, changes))
            if found:
                return found
    return []


def _fits(small: Small, mode: str, changes: tuple[Change, ...], case: Case, got: Result) -> bool:
    bent = run(_bent(small.operation, mode, changes), case)
    return bent is not None and bent.error is None and bent.alike(got)


def _changes(axes: tuple[Axis, Axis], mode: str, transposed: bool, pool: bool) -> Iterator[Change]:
    """Yield the changes that are tried: those that leave the result's size alone, or those that do not."""
    for i, axis in enumerate(axes):
        other = axes[1 - i]
        names = {"stride": {1, 2, 3, axis.dilation, other.stride}, "dilation": {1, 2, 3, axis.stride, other.dilation}}
        names["low"] = {0, 1, 2, axis.high, axis.low + axis.high, other.low}
        if mode == "given" and not transposed:
            names["high"] = {0, 1, 2, axis.low, axis.low + axis.high, other.high}
            names["padding"] = {0, 1, 2, other.low}
        if pool:
            names["kernel"] = {1, 2, 3, axis.kernel + 1, axis.kernel - 1, other.kernel} - {0}
        for name, values in names.items():
            now = axis.low if name == "padding" else getattr(axis, name)
            yield from (Change(i, name, value) for value in sorted(values) if value != now and value >= 0)
        if mode == "bent" and axis.kernel > 1:
            yield Change(i, "flip", 0)


def _bent(operation: str, mode: str, changes: tuple[Change, ...], seen: list[Any] | None = None) -> Implementation:
    """Return the reference with these changes."""

    def step(_: Reference, height: Axis, width: Axis) -> tuple[Axis, Axis]:
        if seen is not None:
            seen.append((height, width))
        axes = [height, width]
        for axis, name, value in changes:
            if name != "flip":
                both = {"low": value, "high": value} if name == "padding" else {name: value}
                axes[axis] = axes[axis]._replace(**both)
        return axes[0], axes[1]

    def places(self: Reference, height: Axis, width: Axis) -> Any:
        found = list(Reference.places(self, height, width))
        for axis, name, _ in changes:
            found[axis] = found[axis][:, ::-1] if name == "flip" else found[axis]
        return tuple(found)

    return Implementation("bent", {operation: bend(**{mode: step, "places": places})(operation)})


def _words(axes: tuple[Axis, Axis], mode: str, changes: tuple[Change, ...]) -> str:
    """Return the changes in words."""
    flipped = [f"in {contract.AXES[change.axis]}" for change in changes if change.name == "flip"]
    parts = [f"the kernel is flipped {' and '.join(flipped)}"] if flipped else []
    for axis, name, value in changes:
        letter, other = "hw"[axis], axes[1 - axis]
        if name == "flip":
            continue
        label = SIDES[axis].get(name) or f"{name}_{letter}"
        there, field = SIDES[1 - axis].get(name) or f"{name}_{'wh'[axis]}", "low" if name == "padding" else name
        same = f", which is {there}" if value == getattr(other, field) and value not in (0, 1) else ""
        parts.append(f"{label} is taken as {value}{same} (it is {getattr(axes[axis], field)})")
    return " and ".join(parts) + (", in the size of the result too" if mode == "given" else "")
