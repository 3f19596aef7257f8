"""Draw the explorer's three pictures: arrays in, SVG text out. Nothing is convolved here.

Three colours mark three roles in every picture; they stay apart for colour-blind eyes and on dark pages:

    orange   the window, and the column that it becomes
    blue     the filter, and the row that it becomes
    green    the output cell, where row and column meet

All else is a grey of the page's own ink. A value is shaded by its size, and written where its cell has room.

Letters: C channels, H×W cells of the padded image, F×F taps, P×Q output cells, K filters; L = C*F*F, a column's length.
"""

import numpy as np
from strokes import FILTER, INK, OUTPUT, PEEK, WINDOW, arrow, mark, number, peek, plane, rule, svg, text

from contract import Array

WIDTH = 860  # pixels of the widest picture


def axes(H: int, W: int, F: int, S: int, P: int, D: int, rounding: str) -> str:
    """Draw the windows along both axes."""
    parts, right, down = [], 0, 0
    for name, size in (("height", H), ("width", W)):
        part, width, height = axis(name, size, F, S, P, D, rounding)
        parts.append(f'<g transform="translate({right})">{part}</g>')
        right, down = right + width, max(down, height)
    return svg(right, down, "The windows along both axes", parts)


def axis(name: str, size: int, F: int, S: int, P: int, D: int, rounding: str) -> tuple[str, int, int]:
    """Draw the windows along one axis, one below the other, down to the one that sticks out; return width and height too."""
    padded, reach, cell = P + size + P, D * (F - 1) + 1, 20
    starts = list(range(0, padded - reach + 1, S))
    fates = [""] * len(starts)
    if not starts or starts[-1] + reach < padded:
        fates.append(fate(start := len(starts) * S, P + size, bool(starts), rounding))
        starts.append(start)
    places = np.arange(padded)[np.newaxis]
    parts = [text(0, 12, f"{name}: {P} + {size} + {P} cells" if P else f"{name}: {size} cells")]
    parts.append(plane(np.zeros((1, padded)), 0, 22, cell, (places < P) | (places >= P + size), written=False))
    for row, (start, words) in enumerate(zip(starts, fates, strict=True)):
        y, taken = 54 + 15 * row, words in ("", "sticks out: kept")
        ink = f'fill="{WINDOW}"' if taken else f'fill="{INK}" opacity="0.6"'
        dots = "".join(f'<rect x="{(start + D * f) * cell + 5}" y="{y - 5}" width="10" height="10"/>' for f in range(F))
        bar = f'<rect x="{start * cell + 3}" y="{y - 1}" width="{reach * cell - 6}" height="2"/>'
        parts.append(f'<g data-role="{"taken" if taken else "refused"}" {ink}>{bar}{dots}</g>')
        parts.append(text((start + reach) * cell + 6, y + 4, words))
    width = max(padded * cell + 40, 200, *((s + reach) * cell + 8 * len(w) + 20 for s, w in zip(starts, fates, strict=True)))
    return "".join(parts), width, 50 + 15 * len(starts)


def fate(start: int, right_padding: int, others: bool, rounding: str) -> str:
    """Say what becomes of the window that sticks out."""
    if not others:
        return "does not fit"
    if rounding == "ceil":
        return "sticks out: kept" if start < right_padding else "starts after the image: dropped"
    return "sticks out: dropped" if rounding == "floor" else "sticks out: refused"


def sliding(
    seen: dict[int, Array], ghost: Array, weight: Array | None, y: Array, at: tuple[int, int, int], F: int, S: int, D: int
) -> str:
    """Draw the channels of the padded image, a filter below and the output beside: one window, and the cell that it gives.

    Shapes: seen (H, W) for each channel, NaN beyond the padding; ghost (H, W), true on the padding; weight (C, F, F); y (P, Q).
    """
    C, (H, W), (P, Q), (k, i, j) = len(seen), ghost.shape, y.shape, at
    cell, top = min(30.0, WIDTH / (C * (W + 1) + 2 + Q)), 24.0
    below, beside, pitch = top + H * cell + 26, (C * (W + 1) + 1.4) * cell, (W + 1) * cell
    window = [(i * S + r * D, j * S + s * D) for r in range(F) for s in range(F)]
    parts = []
    for place, (c, channel) in enumerate(seen.items()):
        x = place * pitch
        parts += [text(x, 14, f"image, channel {c}"), plane(channel, x, top, cell, ghost)]
        parts.append(mark(window, x, top, cell, "window"))
        if weight is not None:
            parts += [text(x, below - 8, f"filter {k}, channel {c}", FILTER), plane(weight[c], x, below, cell)]
            parts.append(mark(np.ndindex(F, F), x, below, cell, "filter"))
    parts.append(arrow(beside - 1.9 * cell, top + min(H, P) * cell / 2, 1.4 * cell))
    parts += [text(beside, 14, f"output, channel {k}", OUTPUT), plane(y, beside, top, cell)]
    parts.append(mark([(i, j)], beside, top, cell, "output"))
    side = (D * (F - 1) + 1) * cell
    for p, q in np.ndindex(P, Q):
        corners = [(c * pitch + q * S * cell, top + p * S * cell) for c in range(C)]
        parts.append(peek(beside + q * cell, top + p * cell, cell, corners, side, f"y[{k}, {p}, {q}] = {number(y[p, q])}"))
    height = max(top + P * cell, below + F * cell if weight is not None else top + H * cell)
    return svg(beside + max(Q * cell, 120), height, "A window on the image, and its output cell", [PEEK, *parts])


def matrices(
    columns: Array, y: Array, filters: Array | None, bias: Array | None, k: int, p: int, names: tuple[str, str]
) -> str:
    """Draw the columns, the filters as rows at their left, and the result below them: row k meets column p.

    Shapes: columns (L, P*Q); filters (K, C, F, F); bias (K,); y (K, P*Q). Without filters, each column gives its cell alone.
    ``names`` say what the columns and the result are.
    """
    (L, count), K = columns.shape, len(y)
    cell = min(22.0, WIDTH / (count + (L + 4 if filters is not None else 0)))
    x, top = (0.0 if filters is None else max((L + 1) * cell, 130)), 24.0
    below = top + L * cell + 34
    parts = [text(x, 14, f"{names[0]}, {L} × {count}", WINDOW), plane(columns, x, top, cell)]
    parts.append(mark([(r, p) for r in range(L)], x, top, cell, "window"))
    parts += [text(x, below - 8, f"{names[1]}, {K} × {count}", OUTPUT), plane(y, x, below, cell)]
    parts.append(mark([(k, p)], x, below, cell, "output"))
    width = x + max(count * cell, 250)
    if filters is not None and bias is not None:
        parts += [text(0, below - 8, f"filters as rows, {K} × {L}", FILTER), plane(filters.reshape(K, L), 0, below, cell)]
        parts.append(mark([(k, r) for r in range(L)], 0, below, cell, "filter"))
        taps = filters.shape[2] * filters.shape[3]
        parts += [rule(x, top + r * cell, count * cell, 0) for r in range(taps, L, taps)]  # between channels
        parts += [rule(r * cell, below, 0, K * cell) for r in range(taps, L, taps)]
        parts += [
            text(x + (count + 1) * cell, below - 8, "+ bias"),
            plane(bias[:, np.newaxis], x + (count + 1) * cell, below, cell),
        ]
        width = max(width, x + (count + 1) * cell + 50)
    return svg(width, below + K * cell, "The windows as columns, and what they give", parts)
