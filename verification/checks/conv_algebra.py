"""The algebra of convolutions: each option is worth another call without it.

    padding    a padded image: of a transposed convolution, a result that is cut, or zeros around grad_output
    dilation   filters stuffed with zeros
    groups     convolutions side by side
    stride     every so many windows: of a gradient or a transposed convolution, an image stuffed with zeros
    1x1        a matrix product over the channels
    adjoint    a transposed convolution is the adjoint of a convolution: <conv_transpose2d(x), z> = <x, conv2d(z)>

A relation yields its claims; one that has nothing to say of a case yields none.
"""

from collections.abc import Iterator

import numpy as np

import contract
from contract import Array, Pair, Sides
from verification.cases import Case
from verification.checks.claims import (
    Call,
    Claim,
    Relation,
    changed,
    cropped,
    dilation_of,
    padded,
    side_by_side,
    sides_of,
    spans_of,
    stride_of,
    stuffed,
    thinned,
)
from verification.oracles import exact

NONE: Sides = ((0, 0), (0, 0))


# ------------------------------------------------------------------------------------------------------------- any of them


def groups(call: Call, case: Case) -> Iterator[Claim]:
    """Groups are convolutions side by side."""
    if case.option("groups") > 1:
        alone = side_by_side(call, case)
        for name, got in call(case).items():
            yield Claim(case, name, got, alone[name], "with groups, the result should be those of each group, side by side")


def dilation(call: Call, case: Case) -> Iterator[Claim]:
    """A dilated filter is a filter stuffed with zeros."""
    steps, extra = dilation_of(case), contract.pair("output_padding", case.options.get("output_padding", 0), 0)
    if steps == (1, 1) or any(e >= s for e, s in zip(extra, stride_of(case), strict=True) if e):
        return
    other = call(changed(case, "dilation", weight=stuffed(case.arguments["weight"], steps)))
    for name, got in call(case).items():
        due = thinned(other[name], steps) if name == "grad_weight" else other[name]
        yield Claim(case, name, got, due, "a dilated filter should be worth a filter stuffed with zeros")


# ------------------------------------------------------------------------------------------------------------ convolution


def padding(call: Call, case: Case) -> Iterator[Claim]:
    """Padding is a padded image."""
    sides = sides_of(case)
    if sides != NONE:
        other = call(changed(case, "padding", x=padded(case.arguments["x"], sides)))
        for name, got in call(case).items():
            due = cropped(other[name], sides) if name == "grad_x" else other[name]
            yield Claim(case, name, got, due, "padding should be worth a padded image")


def stride(call: Call, case: Case) -> Iterator[Claim]:
    """A stride leaves windows out of the result with stride 1."""
    steps = stride_of(case)
    if steps != (1, 1):
        due = thinned(call(changed(case, "stride", "rounding"))["y"], steps)
        yield Claim(case, "y", call(case)["y"], due, "a stride should leave out windows of the result with stride 1")


def stride_backward(call: Call, case: Case) -> Iterator[Claim]:
    """Windows that a stride leaves out have a gradient of zero."""
    steps, sides, spans = stride_of(case), sides_of(case), spans_of(case)
    if steps != (1, 1):
        height, width = (n + sum(s) - f + 1 for n, s, f in zip(case.arguments["x"].shape[-2:], sides, spans, strict=True))
        grad = stuffed(case.arguments["grad_output"], steps, (height, width))
        other = call(changed(case, "stride", "rounding", grad_output=grad))
        words = "windows that a stride leaves out should be worth gradients of zero"
        yield from (Claim(case, name, got, other[name], words) for name, got in call(case).items())


def pointwise(call: Call, case: Case) -> Iterator[Claim]:
    """Filters of one tap are a matrix product over the channels."""
    x, weight, steps = case.arguments["x"], case.arguments["weight"][..., :1, :1], stride_of(case)
    named = isinstance(case.option("padding"), str)
    sides = NONE if named else sides_of(case)
    drop = ("padding",) if named else ()
    plain = changed(case, "dilation", *drop, weight=weight, bias=None, options={} if steps == (1, 1) else {"rounding": "floor"})
    due = thinned(_product(padded(x, sides), weight, case.option("groups")), steps)
    yield Claim(plain, "y", call(plain)["y"], due, "filters of one tap should be a matrix product over the channels")


def _product(x: Array, weight: Array, groups: int) -> Array:
    """Return the sums over the channels of each group, (..., C, H, W) and (K, C/groups, 1, 1) to (..., K, H, W)."""
    *batch, C, H, W = x.shape
    grouped = x.reshape(*batch, groups, C // groups, H, W)
    filters = weight.reshape(groups, -1, C // groups)
    return np.asarray(np.einsum("gkc,...gchw->...gkhw", filters, grouped)).reshape(*batch, len(weight), H, W)


# ------------------------------------------------------------------------------------------------- transposed convolution


def cut(call: Call, case: Case) -> Iterator[Claim]:
    """Padding cuts a transposed convolution's result, ``output_padding`` cuts less at its end, or adds the bias alone."""
    if {"padding", "output_padding"} & set(case.options):
        full = call(changed(case, "padding", "output_padding", bias=None))["y"]
        more, got = _extra(case), call(changed(case, bias=None))["y"]
        sides = sides_of(case)
        longer = padded(full, ((0, more[0]), (0, more[1])))
        yield Claim(changed(case, bias=None), "y", got, cropped(longer, sides), "padding should cut the result without it")


def cut_backward(call: Call, case: Case) -> Iterator[Claim]:
    """What padding cuts off has a gradient of zero."""
    if {"padding", "output_padding"} & set(case.options):
        grad = padded(case.arguments["grad_output"], sides_of(case))
        more = _extra(case)
        plain = changed(case, "padding", "output_padding", grad_output=cropped(grad, ((0, more[0]), (0, more[1]))))
        results, other = call(case), call(plain)
        for name in ("grad_x", "grad_weight"):
            yield Claim(case, name, results[name], other[name], "what padding cuts off should be worth gradients of zero")


def stamps(call: Call, case: Case) -> Iterator[Claim]:
    """A transposed convolution's stride stuffs its image with zeros."""
    steps = stride_of(case)
    if steps != (1, 1):
        whole = changed(case, "padding", "output_padding")
        if "grad_output" in case.arguments:
            grad, more = padded(case.arguments["grad_output"], sides_of(case)), _extra(case)
            whole = changed(whole, grad_output=cropped(grad, ((0, more[0]), (0, more[1]))))
        other = call(changed(whole, "stride", x=stuffed(case.arguments["x"], steps)))
        for name, got in call(whole).items():
            due = thinned(other[name], steps) if name == "grad_x" else other[name]
            yield Claim(whole, name, got, due, "a stride should be worth an image stuffed with zeros")


def stamp(call: Call, case: Case) -> Iterator[Claim]:
    """One pixel stamps its filters, as they are, onto the result."""
    weight = case.arguments["weight"]
    C, depth = weight.shape[0], weight.shape[1]
    share = C // case.option("groups")
    x = np.zeros((C, C, 1, 1), weight.dtype)
    x[np.arange(C), np.arange(C)] = 1
    one = changed(case, "padding", "output_padding", "dilation", x=x, bias=None)
    due = np.zeros((C, depth * case.option("groups"), *weight.shape[2:]), weight.dtype)
    for c in range(C):
        due[c, c // share * depth : (c // share + 1) * depth] = weight[c]
    yield Claim(one, "y", call(one)["y"], due, "one pixel of 1 should stamp the filters of its channel onto the result")


def adjoint(call: Call, case: Case) -> Iterator[Claim]:
    """A transposed convolution is the adjoint of a convolution, here of exact arithmetic's."""
    plain = changed(case, bias=None)
    y = call(plain)["y"]
    z = (np.arange(y.size).reshape(y.shape) * 5 % 7 - 3.0).astype(y.dtype)
    options = {name: v for name, v in case.options.items() if name != "output_padding"} | {"rounding": "floor"}
    back = Case("conv2d", {"x": z, "weight": case.arguments["weight"], "bias": None}, options)
    x, found = case.arguments["x"], exact.expected(back)[0].rounded()
    due = np.sum(x * found[..., : x.shape[-2], : x.shape[-1]])
    yield Claim(plain, "y", np.sum(y * z)[np.newaxis], due[np.newaxis], "<conv_transpose2d(x), z> should be <x, conv2d(z)>")


def _extra(case: Case) -> Pair:
    """Return ``output_padding`` as (height, width)."""
    return contract.pair("output_padding", case.option("output_padding"), 0)


EQUIVALENCES: dict[str, tuple[Relation, ...]] = {
    "conv2d": (padding, dilation, stride, groups, pointwise),
    "conv2d_backward": (padding, dilation, stride_backward, groups),
    "conv_transpose2d": (cut, dilation, stamps, groups, stamp, adjoint),
    "conv_transpose2d_backward": (cut_backward, dilation, stamps, groups),
}
