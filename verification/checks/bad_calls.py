"""Calls that the contract refuses, rule by rule.

A rule is *firm* if wrong answers follow from breaking it: everybody is held to it. The others, kinds of values above all, are
habits: whoever takes ``True`` for 1 is reported to do so, and is wrong only under the letter of the contract.

Where no filter fits, a result without cells is a habit, too; one with numbers in it is wrong, whoever gives it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from verification.abilities import Abilities
from verification.cases import Case
from verification.forms import completed
from verification.operations import CONVOLUTIONS


@dataclass(frozen=True)
class Bad:
    """A call that must be refused."""

    rule: str
    case: Case
    kind: type[Exception] = ValueError
    firm: bool = True
    empty: bool = False  # no filter fits: no numbers can be right, whoever gives them


def sample(operation: str) -> Case:
    """Return a valid call from which the bad ones are made: 2 images of 4 channels; 6 filters, or windows of 2x2."""
    x = np.arange(384.0).reshape(2, 4, 6, 8) % 19 - 9
    sources = {"x": "np.arange(384.0).reshape(2, 4, 6, 8) % 19 - 9"}
    if operation not in CONVOLUTIONS:
        return completed(Case(operation, {"x": x, "kernel_size": 2}, {}, sources))
    shape = (4, 6, 3, 2) if operation.startswith("conv_transpose2d") else (6, 4, 3, 2)
    weight = np.arange(144.0).reshape(shape) % 11 - 5
    sources["weight"] = f"np.arange(144.0).reshape{shape} % 11 - 5"
    return completed(Case(operation, {"x": x, "weight": weight}, {}, sources))


def changed(case: Case, options: dict[str, Any] | None = None, **arguments: Any) -> Case:
    """Return a call with other options and arguments, right or wrong."""
    sources = {name: source for name, source in case.sources.items() if name not in arguments}
    return replace(
        case, arguments={**case.arguments, **arguments}, options={**case.options, **(options or {})}, sources=sources
    )


def fitted(case: Case, options: dict[str, Any] | None = None, **arguments: Any) -> Case:
    """Return a valid call with other options and arguments, and the output's gradient that goes with them."""
    new = changed(case, options, **arguments)
    return completed(replace(new, arguments={name: v for name, v in new.arguments.items() if name != "grad_output"}))


def takes(able: Abilities, case: Case) -> bool:
    """Return whether a function takes the options of a call in the form in which they are given."""
    for name, value in case.options.items():
        pair = isinstance(value, tuple)
        form = f"padding {value}" if isinstance(value, str) and name == "padding" else f"{name} pair" if pair else name
        if not able.takes(form):
            return False
    return True


def bad_calls(able: Abilities) -> Iterator[Bad]:
    """Yield the calls that a function must refuse, as far as it has the options for them."""
    case = sample(able.operation)
    own = _filters(able, case) if able.operation in CONVOLUTIONS else _pools(able, case)
    for bad in (*_kinds(case), *_shapes(case), *_gradients(case), *_sizes(able, case), *own):
        if all(name in able.options for name in bad.case.options):
            yield bad


# ------------------------------------------------------------------------------------------------------ arrays


def _kinds(case: Case) -> Iterator[Bad]:
    """Refuse arrays that do not hold numbers of one dtype."""
    x = case.arguments["x"]
    yield Bad("x is an array of bool", changed(case, x=x > 0), TypeError, firm=False)
    yield Bad("x is an array of strings", changed(case, x=x.astype(str)), TypeError, firm=False)
    yield Bad("x is None", changed(case, x=None), TypeError)
    single = x.astype(np.float32)
    if case.operation in CONVOLUTIONS:
        yield Bad("x is float32, the weight float64", changed(case, x=single), TypeError, firm=False)
    elif case.operation.startswith("avg"):
        yield Bad("x holds integers, which have no mean", changed(case, x=x.astype(np.int64)), TypeError, firm=False)
    else:
        yield Bad("x is complex, which has no maximum", changed(case, x=x + 0j), TypeError, firm=False)
    if "grad_output" in case.arguments:
        g = case.arguments["grad_output"].astype(np.float32)
        yield Bad("grad_output is float32, x float64", changed(case, grad_output=g), TypeError, firm=False)


def _shapes(case: Case) -> Iterator[Bad]:
    """Refuse an x that is no image, or an empty one."""
    x = case.arguments["x"]
    yield Bad("x has two dimensions", changed(case, x=x[0, 0]))
    yield Bad("x has five dimensions", changed(case, x=x[np.newaxis]))
    yield Bad("x has no rows", changed(case, x=x[:, :, :0]))
    yield Bad("x has no columns", changed(case, x=x[..., :0]))
    if case.operation not in CONVOLUTIONS:
        yield Bad("x has no channels", changed(case, x=x[:, :0]))


def _gradients(case: Case) -> Iterator[Bad]:
    """Refuse a grad_output that has not the shape of the result."""
    if "grad_output" not in case.arguments:
        return
    g = case.arguments["grad_output"]
    rule = "grad_output has shape {}, the result " + str(g.shape)
    for wrong in (g[:, :, :-1], g[..., :-1], g[:, :1], g[:1], g[0], np.concatenate([g, g], axis=3), g[:, :, :1, :1]):
        yield Bad(rule.format(wrong.shape), changed(case, grad_output=wrong))


# ----------------------------------------------------------------------------------------------------- options


def _sizes(able: Abilities, case: Case) -> Iterator[Bad]:
    """Refuse options that are no sizes, or too small."""
    least = {"stride": 1, "padding": 0, "dilation": 1, "output_padding": 0, "groups": 1}
    value: Any
    for name in (name for name in least if name in able.options):
        base = changed(case, {"stride": 1}) if case.operation not in CONVOLUTIONS and name != "stride" else case
        low = least[name] - 1
        for value in (low, -2) if name == "groups" else (low, -2, (1, low), (low, 1)):
            yield Bad(f"{name} is {value}", changed(base, {name: value}))
        names = name == "padding" and not case.operation.startswith("conv_transpose2d") and case.operation in CONVOLUTIONS
        for value in (1.0, 1.5, True, (1.0, 1), (1, True), *(() if names else ("1",))):
            yield Bad(f"{name} is {value!r}", changed(base, {name: value}), TypeError, firm=False)
        for value in ((1,), (1, 1, 1), ()):
            kind = TypeError if name == "groups" else ValueError
            yield Bad(f"{name} is {value}, no pair", changed(base, {name: value}), kind, firm=False)
    if "rounding" in able.options:
        yield Bad("rounding is 'up'", changed(case, {"rounding": "up"}))
        yield Bad("rounding is 1", changed(case, {"rounding": 1}), TypeError, firm=False)
    if "rounding" in able.options and "stride" in able.options:
        for side, stride in (("height", (5, 1)), ("width", (1, 5))):  # a gradient comes in the shape that flooring gives
            yield Bad(f"the windows do not tile the input's {side}", fitted(case, {"stride": stride}))


def _filters(able: Abilities, case: Case) -> Iterator[Bad]:
    """Refuse what does not fit together in a convolution."""
    x, w, transposed = case.arguments["x"], case.arguments["weight"], case.operation.startswith("conv_transpose2d")
    yield Bad("the weight has three dimensions", changed(case, weight=w[0]))
    yield Bad("the weight has five dimensions", changed(case, weight=w[np.newaxis]))
    yield Bad("the weight has no rows", changed(case, weight=w[:, :, :0]))
    yield Bad("the weight has no columns", changed(case, weight=w[..., :0]))
    yield Bad("x has 3 channels, the weight is for 4", changed(case, x=x[:, :3]))
    yield Bad("x has one channel, the weight is for 4", changed(case, x=x[:, :1]))
    yield Bad("the weight is for one channel, x has 4", changed(case, weight=w[:1] if transposed else w[:, :1]))
    yield Bad("there are no channels", changed(case, x=x[:, :0], weight=w[:0] if transposed else w[:, :0]), firm=False)
    yield Bad("there are no filters", changed(case, weight=w[:, :0] if transposed else w[:0]), firm=False)
    for bias in (np.zeros(5), np.zeros(7), np.ones(1), np.ones((6, 1)), np.ones((1, 6)), np.float64(1)):
        if "bias" in case.arguments and "bias" in able.options:
            yield Bad(f"the bias has shape {bias.shape}, there are 6 filters", changed(case, bias=bias))
    if "bias" in case.arguments and "bias" in able.options:
        yield Bad("the bias is float32, x float64", changed(case, bias=np.ones(6, np.float32)), TypeError, firm=False)
    yield Bad("groups are 3, channels 4", changed(case, {"groups": 3}))
    if transposed:
        yield from _transposed(case)
        return
    yield Bad("groups are 4, filters 6", changed(case, {"groups": 4}, weight=w[:, :1]))
    yield Bad("groups are 2, and each filter has all channels", changed(case, {"groups": 2}))
    yield from _no_window(case, ((2, 8), (6, 1), (2, 2), (3, 1), (2, 1)))  # the last: who swaps both arguments finds windows
    for rows, columns in ((3, 1), (1, 8), (3, 8)):
        rule = f"the window, dilated by {(rows, columns)}, is larger than the image"
        yield Bad(rule, changed(case, {"dilation": (rows, columns)}), empty=case.operation == "conv2d")
    yield Bad("padding is 'full'", changed(case, {"padding": "full"}))
    yield Bad("padding is 'same', and stride 2", changed(case, {"padding": "same", "stride": (1, 2)}))
    if able.takes("padding sides"):
        yield Bad("one side's padding is -1", changed(case, {"padding": ((1, 0), (0, -1))}))
    if "rounding" in able.options:
        yield Bad("rounding is 'ceil' in a convolution", changed(case, {"rounding": "ceil"}))


def _no_window(case: Case, sizes: tuple[tuple[int, int], ...]) -> Iterator[Bad]:
    """Refuse images that are smaller than the window on one axis, and on both."""
    R, S = np.shape(case.arguments["weight"])[2:] if "weight" in case.arguments else (case.arguments["kernel_size"],) * 2
    for H, W in sizes:
        small = changed(case, x=case.arguments["x"][:, :, :H, :W])
        yield Bad(f"the window is {R}x{S}, the image {H}x{W}", small, empty=case.operation == "conv2d")


def _transposed(case: Case) -> Iterator[Bad]:
    """Refuse what does not fit together in a transposed convolution."""
    yield Bad("output_padding is 1, as are stride and dilation", changed(case, {"output_padding": 1}))
    both = {"output_padding": (0, 2), "stride": 2, "dilation": 2}
    yield Bad("output_padding is 2, as are stride and dilation", changed(case, both))
    yield Bad("the padding leaves nothing of the result's height", changed(case, {"padding": (4, 0)}))
    yield Bad("the padding leaves nothing of the result's width", changed(case, {"padding": (0, 6)}))
    yield Bad("padding is 'same'", changed(case, {"padding": "same"}), TypeError, firm=False)


def _pools(able: Abilities, case: Case) -> Iterator[Bad]:
    """Refuse the windows that are none, and what else a pooling may be given."""
    value: Any
    for value in (0, -1, (2, 0), (-2, 2)):
        yield Bad(f"kernel_size is {value}", changed(case, kernel_size=value))
    for value in (2.0, True, "2", None):
        yield Bad(f"kernel_size is {value!r}", changed(case, kernel_size=value), TypeError, firm=False)
    for value in ((2,), (2, 2, 2), ()):
        yield Bad(f"kernel_size is {value}, no pair", changed(case, kernel_size=value), firm=False)
    yield from _no_window(case, ((1, 8), (6, 1), (1, 2), (2, 1), (1, 1)))
    yield Bad("padding is 2, more than half of kernel_size 2", changed(case, {"padding": 2}))
    yield Bad("padding is (0, 2), more than half of kernel_size 3", changed(case, {"padding": (0, 2)}, kernel_size=(2, 3)))
    if "dilation" in able.options and "stride" in able.options:
        yield Bad("the dilated window is higher than the image", changed(case, {"dilation": (6, 1), "stride": 1}))
    yield Bad("divisor_override is 0", changed(case, {"divisor_override": 0}))
    for name in ("divisor_override", "count_include_pad", "return_indices"):
        value = True if name == "divisor_override" else 1
        yield Bad(f"{name} is {value!r}", changed(case, {name: value}), TypeError, firm=False)
    yield Bad("divisor_override is 2.0", changed(case, {"divisor_override": 2.0}), TypeError, firm=False)
