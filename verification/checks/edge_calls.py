"""Calls at the edge of the contract, which are valid; and sizes beyond all edges, which are absurd."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from verification.abilities import Abilities
from verification.cases import Case
from verification.checks.bad_calls import Bad, changed, fitted, sample, takes
from verification.operations import CONVOLUTIONS, OPTIONS

HUGE = (10**12, 2**32 + 1, 2**64 + 1)  # in 32 or 64 bits they overflow, or wrap around to 1


@dataclass(frozen=True)
class Valid:
    """A call that must not be refused."""

    rule: str
    case: Case
    firm: bool = True


def valid_calls(able: Abilities) -> Iterator[Valid]:
    """Yield valid calls, as far as a function takes their options."""
    calls = _convolutions if able.operation in CONVOLUTIONS else _pools
    for valid in (*_everywhere(able), *calls(able)):
        if takes(able, valid.case):
            yield valid


def absurd_calls(able: Abilities) -> Iterator[Bad]:
    """Yield calls with sizes that no machine could hold, as far as a function has the options for them."""
    calls = _absurd_convolutions if able.operation in CONVOLUTIONS else _absurd_pools
    for absurd in (bad for n in HUGE for bad in calls(able, n)):
        if all(name in able.options for name in absurd.case.options):
            yield absurd


def _everywhere(able: Abilities) -> Iterator[Valid]:
    """Yield valid calls of every function."""
    case = sample(able.operation)
    x = case.arguments["x"]
    yield Valid("an ordinary call", case)
    yield Valid("an empty batch", fitted(case, x=x[:0]))
    yield Valid("a batch of one", fitted(case, x=x[:1]))
    yield Valid("every option passed, at its default", changed(case, _defaults(able)))
    for name in ("stride", "padding"):
        value = 1 if name == "stride" or case.operation in CONVOLUTIONS else 0
        yield Valid(f"{name} as one of NumPy's integers", fitted(case, {name: np.int64(value)}), firm=False)
        if able.takes(f"{name} pair"):
            yield Valid(f"{name} as a list", fitted(case, {name: [value, value]}), firm=False)
    listed = {name: v.tolist() if isinstance(v, np.ndarray) else v for name, v in case.arguments.items()}
    yield Valid("arrays as lists", changed(case, **listed), firm=False)


def _defaults(able: Abilities) -> dict[str, Any]:
    """Return the defaults of the options that a function has."""
    return {name: value for name, value in OPTIONS[able.operation].items() if name in able.options}


def _convolutions(able: Abilities) -> Iterator[Valid]:
    """Yield valid calls of a convolution."""
    case = sample(able.operation)
    x, w = case.arguments["x"], case.arguments["weight"]
    if "bias" in case.arguments:
        yield Valid("a bias of zeros", changed(case, bias=np.zeros(6)) if able.takes("bias") else case)
    yield Valid("as many groups as channels", fitted(case, {"groups": 4}, weight=_depthwise(able, w)))
    if not able.takes("kernel"):
        return
    dot = w[:, :, :1, :1]
    yield Valid("an image of one pixel", fitted(case, x=x[:, :, :1, :1], weight=dot))
    yield Valid("a dilation of 9 between the taps of one", fitted(case, {"dilation": 9}, weight=dot))
    for n in HUGE:
        yield Valid(f"a dilation of {n} between the taps of one", fitted(case, {"dilation": n}, weight=dot), firm=False)
    if able.operation.startswith("conv_transpose2d"):
        yield Valid("output_padding less than the dilation", fitted(case, {"output_padding": (2, 1), "dilation": (3, 2)}))
        yield Valid("output_padding less than the stride", fitted(case, {"output_padding": (1, 2), "stride": (2, 3)}))
        yield Valid("padding that leaves two rows and one column", fitted(case, {"padding": (3, 4)}))
        one, extra = x[:, :, :1, :1], {"stride": 3, "padding": 1, "output_padding": 2}
        yield Valid("output_padding that makes up for padding", fitted(case, extra, x=one, weight=dot))
        for n in (10**6, *HUGE):
            yield Valid(f"one pixel and a stride of {n}", fitted(case, {"stride": n}, x=one), firm=n == 10**6)
        return
    yield Valid("a stride beyond the window", fitted(case, {"stride": (5, 7)}, weight=dot))
    yield Valid("windows that see only padding", fitted(case, {"padding": 5, "stride": 5}, x=x[:, :, :1, :1], weight=dot))
    yield Valid("padding beyond the window", fitted(case, {"padding": (4, 3)}))
    yield Valid("a window as large as the padded image", fitted(case, {"padding": (1, 0)}, x=x[:, :, :1, :2]))
    for n in (10**6, *HUGE):
        yield Valid(f"one window and a stride of {n}", fitted(case, {"stride": n}, x=x[:, :, :3, :2]), firm=n == 10**6)
        floor = fitted(case, {"stride": n, "rounding": "floor"})
        yield Valid(f"a stride of {n} that leaves one window", floor, firm=n == 10**6)


def _depthwise(able: Abilities, w: Any) -> Any:
    """Return the weight of a depthwise convolution of 4 channels."""
    if able.operation.startswith("conv_transpose2d"):
        return w[:, :2]  # two filters for each channel
    return np.concatenate([w, w[:2]])[:, :1]


def _pools(able: Abilities) -> Iterator[Valid]:
    """Yield valid calls of a pooling."""
    case = sample(able.operation)
    x = case.arguments["x"]
    yield Valid("windows of one cell", fitted(case, kernel_size=1))
    if able.takes("kernel_size pair"):
        yield Valid("a window as large as the image", fitted(case, kernel_size=(6, 8)))
        half = fitted(case, {"padding": (1, 2), "stride": 1}, kernel_size=(2, 4))
        yield Valid("padding that is half of the window", half)
        one = fitted(case, {"padding": 1}, x=x[:, :, :1, :1], kernel_size=(3, 3))
        yield Valid("a window larger than the image, but not than the padded one", one)
    yield Valid("a stride beyond the window", fitted(case, {"stride": (4, 3)}))
    yield Valid("a partial window", fitted(case, {"stride": (3, 5), "rounding": "ceil"}))
    yield Valid("a remainder that is dropped", fitted(case, {"stride": (3, 5), "rounding": "floor"}))
    yield Valid("a negative divisor", fitted(case, {"divisor_override": -3}))
    for n in (10**6, *HUGE):
        single = x[:, :, :2, :2]
        yield Valid(f"one window and a stride of {n}", fitted(case, {"stride": n}, x=single), firm=n == 10**6)


def _absurd_convolutions(able: Abilities, n: int) -> Iterator[Bad]:
    """Yield convolutions with a size of n."""
    case = sample(able.operation)
    yield Bad(f"groups are {n}", changed(case, {"groups": n}))
    yield Bad(f"dilation is {n}", changed(case, {"dilation": n}))
    yield Bad(f"padding is {n}", changed(case, {"padding": n}))
    if able.operation.startswith("conv_transpose2d"):
        yield Bad(f"stride is {n}", changed(case, {"stride": n}))
        yield Bad(f"output_padding is {n}", changed(case, {"output_padding": n}))
        yield Bad(f"output_padding is {n}, and stride one more", changed(case, {"output_padding": n, "stride": n + 1}))
        return
    yield Bad(f"padding is {n}, of an empty batch", changed(case, {"padding": n}, x=case.arguments["x"][:0]))
    if able.takes("padding sides"):
        yield Bad(f"one side's padding is {n}", changed(case, {"padding": ((0, 0), (n, 0))}))


def _absurd_pools(able: Abilities, n: int) -> Iterator[Bad]:
    """Yield poolings with a size of n."""
    case = sample(able.operation)
    yield Bad(f"kernel_size is {n}", changed(case, kernel_size=n))
    yield Bad(f"padding is {n}", changed(case, {"padding": n}))
    half = n // 2
    yield Bad(f"kernel_size is {n}, and padding half of it", changed(case, {"padding": half}, kernel_size=n))
    if able.operation.startswith("max"):
        yield Bad(f"dilation is {n}", changed(case, {"dilation": n}))
