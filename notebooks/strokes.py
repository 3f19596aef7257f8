"""The strokes that the pictures are drawn with: a matrix, a mark, a line, a word; each returns SVG text.

``left``, ``top``, ``x``, ``y`` and ``cell`` (the side of a cell) are pixels.
"""

from collections.abc import Iterable
from html import escape

import numpy as np

from contract import Array

WINDOW, FILTER, OUTPUT, INK = "#D55E00", "#2B83C6", "#009E73", "currentColor"  # after Okabe and Ito
LEGIBLE = 6.4  # pixels: a number that must be smaller is left out
FAINT = ' opacity="0.6"'
SHADES = 6
PEEK = "<style>[data-role=peek] > g{visibility:hidden} [data-role=peek]:hover > g{visibility:visible}</style>"


def number(value: float) -> str:
    """Write a value as short as it is, with a true minus sign; nothing for NaN.

    >>> number(3.0), number(-2.0), number(10 / 3), number(-np.inf), number(np.nan)
    ('3', '−2', '3.333', '−∞', '')
    """
    return "" if np.isnan(value) else f"{value:.4g}".replace("inf", "∞").replace("-", "−")


def plane(values: Array, left: float, top: float, cell: float, ghost: Array | None = None, written: bool = True) -> str:
    """Draw a matrix: shaded by size, dashed where ``ghost``, absent where NaN, written where its cells have room."""
    there = ~np.isnan(values)
    ghost = there & ghost if ghost is not None else np.zeros_like(there)
    size = np.where(np.isfinite(values), np.abs(values), 0)
    level = np.ceil(size * SHADES / (size.max(initial=0) or 1))
    shades = [(level == n, f'fill="{INK}" fill-opacity="{0.05 * n:.2f}"') for n in range(1, SHADES + 1)]
    line = f'fill="none" stroke="{INK}" stroke-opacity="0.4" stroke-width="{min(1, cell / 14):.2f}"'
    parts = [squares(where, left, top, cell, look) for where, look in shades]
    if there.all() and not ghost.any():
        parts.append(lattice(values.shape, left, top, cell, line))
    else:
        parts.append(squares(there & ~ghost, left, top, cell, line))
        parts.append(squares(ghost, left, top, cell, line + ' stroke-dasharray="2 3"'))
    if written and 0.46 * cell >= LEGIBLE:
        parts.append(numbers(values, left, top, cell, ghost))
    return "".join(parts)


def numbers(values: Array, left: float, top: float, cell: float, ghost: Array) -> str:
    """Write the numbers of a matrix, in a size that gives the longest its room; nothing where none is legible."""
    words = {(r, s): number(values[r, s]) for r, s in np.argwhere(~np.isnan(values))}
    font = cell * min(0.46, 1.6 / max(map(len, words.values()), default=1))
    if font < LEGIBLE:
        return ""
    texts = []
    for (r, s), word in words.items():
        x, y = left + (s + 0.5) * cell, top + (r + 0.5) * cell + 0.35 * font
        texts.append(f'<text x="{x:.1f}" y="{y:.1f}"{FAINT if ghost[r, s] else ""}>{word}</text>')
    return f'<g fill="{INK}" text-anchor="middle" font-size="{font:.1f}">{"".join(texts)}</g>'


def squares(where: Array, left: float, top: float, cell: float, look: str) -> str:
    """Draw the cells where ``where`` is true, as one path."""
    x, y = (
        [f"{start + n * cell:.1f}" for n in range(count)] for start, count in zip((left, top), where.shape[::-1], strict=True)
    )
    path = "".join(f"M{x[s]} {y[r]}h{cell:.1f}v{cell:.1f}h-{cell:.1f}z" for r, s in np.argwhere(where).tolist())
    return f'<path d="{path}" {look}/>' if path else ""


def lattice(shape: tuple[int, ...], left: float, top: float, cell: float, look: str) -> str:
    """Draw the lines of a matrix all of whose cells are there: fewer strokes than a square for each."""
    rows, columns = shape
    across = "".join(f"M{left:.1f} {top + r * cell:.1f}h{columns * cell:.1f}" for r in range(rows + 1))
    down = "".join(f"M{left + s * cell:.1f} {top:.1f}v{rows * cell:.1f}" for s in range(columns + 1))
    return f'<path d="{across}{down}" {look}/>'


def mark(cells: Iterable[tuple[int, int]], left: float, top: float, cell: float, role: str) -> str:
    """Mark cells in the colour of their role."""
    colour = {"window": WINDOW, "filter": FILTER, "output": OUTPUT}[role]
    look = f'fill="{colour}" fill-opacity="0.25" stroke="{colour}" stroke-width="{min(2, cell / 6):.2f}"'
    rects = "".join(
        f'<rect data-role="{role}" data-cell="{r},{s}" x="{left + s * cell:.1f}" y="{top + r * cell:.1f}" '
        f'width="{cell:.1f}" height="{cell:.1f}"/>'
        for r, s in cells
    )
    return f"<g {look}>{rects}</g>"


def peek(x: float, y: float, cell: float, corners: list[tuple[float, float]], side: float, words: str) -> str:
    """Draw an output cell that, pointed at, shows the frames of its window."""
    frames = "".join(f'<rect x="{u:.1f}" y="{v:.1f}" width="{side:.1f}" height="{side:.1f}"/>' for u, v in corners)
    return (
        f'<g data-role="peek"><title>{words}</title><rect x="{x:.1f}" y="{y:.1f}" width="{cell:.1f}" height="{cell:.1f}" '
        f'fill="transparent"/><g fill="none" stroke="{WINDOW}" stroke-width="3">{frames}</g></g>'
    )


def rule(x: float, y: float, right: float, down: float) -> str:
    """Draw a line."""
    return f'<path d="M{x:.1f} {y:.1f}l{right:.1f} {down:.1f}" stroke="{INK}" stroke-width="1.5"/>'


def arrow(x: float, y: float, length: float) -> str:
    """Draw an arrow to the right."""
    return f'<path d="M{x:.1f} {y:.1f}h{length:.1f}m-6 -5l6 5l-6 5" fill="none" stroke="{INK}" stroke-width="1.5"/>'


def text(x: float, y: float, words: str, colour: str = INK) -> str:
    """Write words."""
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" font-size="14">{escape(words)}</text>' if words else ""


def svg(width: float, height: float, label: str, parts: list[str]) -> str:
    """Return a picture of its parts, as wide as it needs to be and no wider than the page."""
    w, h = width + 4, height + 4
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{escape(label)}" viewBox="-2 -2 {w:.0f} {h:.0f}" '
        f'width="{w:.0f}" style="max-width:100%;height:auto">{"".join(parts)}</svg>'
    )
