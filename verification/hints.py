"""Near misses: functions and parameters that were meant to have a name of the contract, and have another.

A name that the suite does not know is never called or passed, and so never judged; whoever wrote it should be told.
"""

import inspect
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import Any

from verification.implementation import ARGUMENTS, OPERATIONS, OPTIONS, Implementation

# Names that are in use for the same thing, without their underscores and in small letters (see _plain).
FUNCTIONS = {
    "avgpool": "avg_pool2d",
    "conv": "conv2d",
    "convforward": "conv2d",
    "convforwardnaive": "conv2d",
    "convbackward": "conv2d_backward",
    "convbackwardnaive": "conv2d_backward",
    "convolution": "conv2d",
    "convolution2d": "conv2d",
    "convolve": "conv2d",
    "convolve2d": "conv2d",
    "convtranspose": "conv_transpose2d",
    "correlate2d": "conv2d",
    "deconv2d": "conv_transpose2d",
    "forward": "conv2d",
    "maxpool": "max_pool2d",
    "maxpoolforward": "max_pool2d",
    "maxpoolbackward": "max_pool2d_backward",
    "meanpool2d": "avg_pool2d",
}
PARAMETERS = {
    "ceilmode": "rounding",  # ceil_mode=True is rounding="ceil"
    "dil": "dilation",
    "group": "groups",
    "indices": "return_indices",
    "numgroups": "groups",
    "outpad": "output_padding",
    "p": "padding",
    "pad": "padding",
    "pads": "padding",
    "rate": "dilation",
    "s": "stride",
    "step": "stride",
    "strides": "stride",
}


def near_functions(target: Any) -> list[str]:
    """Return a sentence for each function of ``target`` whose name nearly is one of the contract."""
    known = {_plain(operation): operation for operation in OPERATIONS}
    result = []
    for name in dir(target):
        if name.startswith("_") or name in OPERATIONS or not callable(getattr(target, name, None)):
            continue
        meant = _meant(name, FUNCTIONS, known)
        if meant and not hasattr(target, meant):
            result.append(f"unknown function {name!r}: did you mean {meant!r}?")
    return result


def near_parameters(implementation: Implementation) -> list[str]:
    """Return a sentence for each parameter that the contract does not have and that nearly is, or must be, an option."""
    return [hint for op, function in implementation.functions.items() for hint in _parameter_hints(op, function)]


def supported(implementation: Implementation, operation: str) -> tuple[list[str], list[str]]:
    """Return the options (and ``bias``) that the signature of a function takes, and those that it lacks."""
    names = [*(["bias"] if "bias" in ARGUMENTS[operation] else []), *OPTIONS[operation]]
    taken = [name for name in names if implementation.accepts(operation, name)]
    return taken, [name for name in names if name not in taken]


def _parameter_hints(operation: str, function: Callable[..., Any]) -> Iterator[str]:
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # a compiled function that does not tell
        return
    options = OPTIONS[operation]
    known = {_plain(name): name for name in options}
    for place, parameter in enumerate(parameters):
        name = parameter.name
        if name in options or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        by_position = parameter.kind is not parameter.KEYWORD_ONLY and place < len(ARGUMENTS[operation])
        meant = _meant(name, PARAMETERS, known)
        if by_position and (parameter.default is parameter.empty or name == "bias" or meant not in options):
            continue  # x, weight, bias, kernel_size: given by position, whatever they are called
        if meant in options and not any(p.name == meant for p in parameters):
            yield f"{operation} has an unknown parameter {name!r}: did you mean {meant!r}?"
        elif parameter.default is parameter.empty:
            yield f"{operation} needs {name!r}, which the contract does not have: call it from a function that does without"


def _meant(name: str, usual: dict[str, str], known: dict[str, str]) -> str | None:
    """Return the name of the contract that ``name`` comes nearest to, if any comes near."""
    plain = _plain(name)
    if plain in usual:
        return usual[plain]
    close = get_close_matches(plain, known, 1, 0.8)
    return known[close[0]] if close else None


def _plain(name: str) -> str:
    """Return ``name`` without what people vary: conv_2d, Conv2D and conv2d are one."""
    return name.replace("_", "").lower()
