"""Put the explorer's arithmetic into words: numbers in, HTML text out, every number filled in.

Orange marks the window, blue the filter, green the output cell, as in ``drawing``.
"""

from collections.abc import Sequence

import numpy as np
from strokes import FILTER, OUTPUT, WINDOW, number

from contract import Array


def law(letter: str, size: int, F: int, S: int, P: int, D: int, count: int) -> str:
    """Write the output-size law of one axis, ``(W - F + 2P)/S + 1``, with its numbers and the ``count`` that came out.

    >>> law("W", 7, F=3, S=2, P=1, D=1, count=4)
    '(W − F + 2P)/S + 1 = (7 − 3 + 2·1)/2 + 1 = 6/2 + 1 = 4'
    >>> law("W", 7, F=2, S=2, P=0, D=1, count=3)
    '(W − F + 2P)/S + 1 = (7 − 2 + 2·0)/2 + 1 = 5/2 + 1, rounded down: 3'
    """
    span = size - (D * (F - 1) + 1) + 2 * P
    window = f"{F}" if D == 1 else f"({D}·({F} − 1) + 1)"
    name = "F" if D == 1 else "(D(F − 1) + 1)"
    left_over = f", rounded {'up' if count > span // S + 1 else 'down'}:" if span % S else " ="
    return f"({letter} − {name} + 2P)/S + 1 = ({size} − {window} + 2·{P})/{S} + 1 = {span}/{S} + 1{left_over} {count}"


def dot_product(name: str, window: Array, weight: Array, bias: float, total: float) -> str:
    """Write one output cell as its sum of products, a line for each channel. Shapes: window and weight (C, F, F)."""
    lines, sums = [], []
    for c, (values, taps) in enumerate(zip(window, weight, strict=True)):
        products = (
            f"{inked(WINDOW, number(v))}·{inked(FILTER, bracketed(w))}" for v, w in zip(values.flat, taps.flat, strict=True)
        )
        sums.append(np.sum(values * taps))
        lines.append(f"channel {c}: {' + '.join(products)} = <b>{number(sums[-1])}</b>")
    parts = " + ".join(bracketed(s) for s in sums)
    lines.append(f"{name} = {parts} + bias {bracketed(bias)} = {inked(OUTPUT, number(total))}")
    return paragraphs(lines)


def maximum(name: str, window: Array, total: float) -> str:
    """Write one output cell as the largest of its window (F, F); NaN, beyond the padding, is left out."""
    return paragraphs([f"{name} = max({', '.join(listed(window))}) = {inked(OUTPUT, number(total))}"])


def mean(name: str, window: Array, divisor: int, total: float) -> str:
    """Write one output cell as the mean of its window (F, F); NaN, beyond the padding, is left out."""
    values, equals = " + ".join(listed(window)), "=" if float(f"{total:.4g}") == total else "≈"
    return paragraphs([f"{name} = ({values})/{divisor} {equals} {inked(OUTPUT, number(total))}"])


def duration(seconds: float) -> str:
    """Write a time in its handiest unit.

    >>> duration(0.00213), duration(0.0000213)
    ('2.13 ms', '21.3 µs')
    """
    return f"{seconds * 1e3:.3g} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.3g} µs"


def listed(window: Array) -> list[str]:
    """Return the numbers of a window in the window's colour."""
    return [inked(WINDOW, number(v)) for v in window.flat if not np.isnan(v)]


def bracketed(value: float) -> str:
    """Write a number that stands after a sign of its own: negative ones in brackets."""
    return f"({number(value)})" if value < 0 else number(value)


def inked(colour: str, text: str) -> str:
    """Return text in a colour, bold."""
    return f'<b style="color:{colour}">{text}</b>'


def paragraphs(lines: Sequence[str]) -> str:
    """Return lines of arithmetic, each a paragraph."""
    return '<div class="arithmetic">' + "".join(f"<p>{line}</p>" for line in lines) + "</div>"
