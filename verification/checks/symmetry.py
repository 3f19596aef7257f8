"""Symmetries, as relations: what may be done to the arguments if it is done to the result as well.

Axes are counted from the end where an image may come without its batch.
"""

from collections.abc import Iterator

import numpy as np

from verification.cases import Case
from verification.checks.claims import Call, Claim, Relation, Results, arrays, changed, padded, stride_of
from verification.checks.pool_algebra import whole_windows
from verification.operations import CONVOLUTIONS, OPERATIONS

IMAGES = ("x", "y", "indices", "grad_output", "grad_x")
FIRST = {"weight": 0, "bias": 0, "grad_weight": 0, "grad_bias": 0}
OF_IMAGES = dict.fromkeys(IMAGES, -4)
OF_CHANNELS = dict.fromkeys(IMAGES, -3)


def axes(case: Case) -> Iterator[tuple[str, dict[str, int], int]]:
    """Yield what may be put in another order: its name, its axis in each array, and in how many blocks it comes."""
    if case.arguments["x"].ndim == 4:
        yield "images", OF_IMAGES, len(case.arguments["x"])
    if case.operation not in CONVOLUTIONS:
        yield "channels", OF_CHANNELS, case.arguments["x"].shape[-3]
    elif case.option("groups") > 1:
        yield "groups", OF_CHANNELS | FIRST, case.option("groups")
    else:
        ins, outs = (0, 1) if "transpose" in case.operation else (1, 0)
        weight = case.arguments["weight"]
        yield "channels", {"x": -3, "grad_x": -3, "weight": ins, "grad_weight": ins}, weight.shape[ins]
        filters = {"y": -3, "grad_output": -3, "weight": outs, "grad_weight": outs, "bias": 0, "grad_bias": 0}
        yield "filters", filters, weight.shape[outs]


def order(call: Call, case: Case) -> Iterator[Claim]:
    """Images, channels, filters and groups may come in any order."""
    for what, places, blocks in axes(case):
        if blocks > 1:

            def rolled(found: Results, places: dict[str, int] = places, blocks: int = blocks) -> Results:
                return {
                    name: np.roll(v, v.shape[places[name]] // blocks, places[name]) if name in places else v
                    for name, v in found.items()
                }

            again = changed(case, **rolled(arrays(case)))
            due = rolled(call(case))
            for name, got in call(again).items():
                yield Claim(again, name, got, due[name], f"{what} in another order should give the same in that order")


def alone(call: Call, case: Case) -> Iterator[Claim]:
    """Every image of a batch is worked out by itself; gradients of filters add up."""
    if case.arguments["x"].ndim == 4 and len(case.arguments["x"]) > 1:
        found = call(case)
        given = {name: v for name, v in arrays(case).items() if name in IMAGES}
        parts = [call(changed(case, **{n: v[i : i + 1] for n, v in given.items()})) for i in range(len(case.arguments["x"]))]
        for name, got in found.items():
            each = [part[name] for part in parts]
            due = np.concatenate(each) if name in IMAGES else np.sum(each, axis=0)
            yield Claim(case, name, got, due, "a batch should give what its images give one by one")


def unbatched(call: Call, case: Case) -> Iterator[Claim]:
    """An image without a batch gives what a batch of one gives."""
    if case.arguments["x"].ndim == 3:
        again = changed(case, **{name: v[np.newaxis] for name, v in arrays(case).items() if name in IMAGES})
        due = call(again)
        for name, got in call(case).items():
            yield Claim(
                case, name, got, due[name][0] if name in IMAGES else due[name], "an image should give what a batch of one gives"
            )


def turned(call: Call, case: Case) -> Iterator[Claim]:
    """Rows and columns may change places, if they do in every argument and option."""
    swapped = {name: np.swapaxes(v, -1, -2) for name, v in arrays(case).items() if v.ndim > 2}
    if isinstance(case.arguments.get("kernel_size"), tuple):
        swapped["kernel_size"] = case.arguments["kernel_size"][::-1]
    again = changed(case, **swapped, options={n: v[::-1] for n, v in case.options.items() if isinstance(v, tuple)})
    due = call(case)
    for name, got in call(again).items():
        if name != "indices":
            expected = np.swapaxes(due[name], -1, -2) if name != "grad_bias" else due[name]
            yield Claim(again, name, got, expected, "rows for columns, in arrays and options, should give the result turned")


def shifted(call: Call, case: Case) -> Iterator[Claim]:
    """An image that is shifted by a stride gives a result shifted by a cell; a transposed convolution the other way round."""
    if case.operation in CONVOLUTIONS or whole_windows(case):
        one, steps = (1, 1), stride_of(case)
        by, cells = (one, steps) if "transpose" in case.operation else (steps, one)
        nothing = -np.inf if case.operation.startswith("max") else 0.0
        x = case.arguments["x"]
        here = changed(case, "return_indices", x=padded(x, ((0, by[0]), (0, by[1])), nothing))
        there = changed(case, "return_indices", x=padded(x, ((by[0], 0), (by[1], 0)), nothing))
        got, due = call(there)["y"][..., cells[0] :, cells[1] :], call(here)["y"][..., : -cells[0], : -cells[1]]
        yield Claim(there, "y", got, due, f"an image shifted by {by} should give the result shifted by {cells}")


SYMMETRY: dict[str, tuple[Relation, ...]] = {
    op: (order, alone, unbatched, turned, *(() if op.endswith("_backward") else (shifted,))) for op in OPERATIONS
}
