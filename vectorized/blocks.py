"""Work cut into blocks that do not depend on each other: as large as the cache has them, and some for each thread."""


def even_blocks(images: int, rows: int, row_bytes: int, most: int, threads: int) -> list[tuple[slice, slice]]:
    """Return blocks of at most ``most`` bytes, of a few whole images or some rows of one, and some for each thread.

    >>> blocks = even_blocks(images=1, rows=5, row_bytes=1, most=2, threads=2)
    >>> [rows.stop - rows.start for _, rows in blocks]  # four blocks, and not three: one thread would have most of them
    [2, 1, 1, 1]
    """
    if threads == 1 and 0 < images * rows * row_bytes <= most:
        return [(slice(0, images), slice(0, rows))]
    deep, pieces = block_size(images, rows, row_bytes, most, threads)
    return [(slice(first, min(first + deep, images)), piece) for first in range(0, images, deep) for piece in cut(rows, pieces)]


def block_size(images: int, rows: int, row_bytes: int, most: int, threads: int) -> tuple[int, int]:
    """Return how many images make such a block, and in how many pieces their rows are cut.

    >>> block_size(images=9, rows=10, row_bytes=2**10, most=2**22, threads=1)  # many images fit
    (9, 1)
    >>> block_size(images=1, rows=10, row_bytes=2**10, most=2**22, threads=2)  # there are two threads
    (1, 2)
    """
    if row_bytes * rows <= most and images >= threads:
        return max(1, min(-(-images // threads), most // (row_bytes * rows))), 1
    pieces = max(1 if images >= threads else threads, -(-rows // max(1, most // row_bytes)))
    pieces += -pieces % threads if images == 1 else 0  # as many for each thread
    return 1, min(pieces, rows)


def cut(count: int, pieces: int) -> list[slice]:
    """Return ``count`` things cut into so many slices, or one for each if they are fewer, as even as may be.

    >>> cut(5, 2), cut(2, 3)
    ([slice(0, 3, None), slice(3, 5, None)], [slice(0, 1, None), slice(1, 2, None)])
    """
    pieces = min(pieces, count)
    return [slice(-(-count * n // pieces), -(-count * (n + 1) // pieces)) for n in range(pieces)]
