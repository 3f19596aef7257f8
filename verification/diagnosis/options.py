"""What an implementation must take its options for, to give what it gives.

The reference's own options are bent, one or two at a time, until it gives the same.
"""

import time
from collections.abc import Iterator
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

import contract
from verification.bugs.bend import bend
from verification.bugs.reference import Axis, Reference
from verification.cases import Case
from verification.diagnosis.likeness import RIGHT, due
from verification.diagnosis.reading import Small, wider
from verification.diagnosis.results import Result, run
from verification.implementation import Implementation

AMBIGUOUS = 2  # pairs of changes that all explain it: with more, none does
SIDES = ({"low": "padding_top", "high": "padding_bottom"}, {"low": "padding_left", "high": "padding_right"})


class Change(NamedTuple):
    """One option of one axis, taken for another value; ``name`` "flip" reverses the taps."""

    axis: int
    name: str
    value: int


class Seen(NamedTuple):
    """A call as the reference is asked it, and what the implementation gives."""

    asked: Case
    got: Result


def taken_as(implementation: Implementation, small: Small, deadline: float) -> list[str]:
    """Return what options must be taken for to give what the implementation gives; the fewest changes that do, in words.

    They must do so in a wider image, too: in a small one much looks alike.
    """
    seen = [_seen(implementation, each) for each in (small, wider(small)) if each is not None]
    calls = [each for each in seen if each is not None]
    right = run(RIGHT, calls[0].asked) if calls else None
    if right is None or len(calls) < len(seen) or calls[0].got.alike(right):
        return []
    axes: list[tuple[Axis, Axis]] = []
    run(_bent(small.operation, "bent", (), axes), calls[0].asked)
    if not axes:
        return []
    for count in (1, 2):
        found: list[str] = []
        for mode in ("bent", "given"):
            options = list(_changes(axes[0], mode, "transpose" in small.operation, len(small.weight) == 2))
            for changes in combinations(options, count):
                if time.monotonic() > deadline:
                    return found
                distinct = len({(c.axis, c.name) for c in changes}) == count
                if distinct and all(_fits(small.operation, mode, changes, each) for each in calls):
                    found.append(_words(axes[0], mode, changes))
            if found:
                return found if count == 1 or len(found) <= AMBIGUOUS else []
    return []


def _seen(implementation: Implementation, small: Small) -> Seen | None:
    """Return a call of this geometry, of numbers without order, and what the implementation gives; ``None`` if it does not."""
    rng = np.random.default_rng(0)
    x = rng.permutation(int(2 * np.prod(small.image))).reshape(2, *small.image) + 1.0
    primary = rng.integers(1, 99, (2, *small.result)).astype(float) if small.primary == "grad_output" else x
    case = small.case(primary, None if len(small.weight) == 2 else rng.integers(1, 99, small.weight).astype(float), x)
    got = run(implementation, case)
    return None if got is None or got.error is not None else Seen(due(implementation, case), got)


def _fits(operation: str, mode: str, changes: tuple[Change, ...], seen: Seen) -> bool:
    bent = run(_bent(operation, mode, changes), seen.asked)
    return bent is not None and bent.error is None and bent.alike(seen.got)


def _changes(axes: tuple[Axis, Axis], mode: str, transposed: bool, pool: bool) -> Iterator[Change]:
    """Yield the changes that are tried: those that leave the result's size alone, or those that do not."""
    for i, axis in enumerate(axes):
        other = axes[1 - i]
        names = {"stride": {1, 2, 3, axis.dilation, other.stride}, "dilation": {1, 2, 3, axis.stride, other.dilation}}
        for name in names:
            names[name] |= {getattr(axis, name) + 1, max(getattr(axis, name) - 1, 1)}
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
