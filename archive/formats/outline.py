"""The outline of the observed part of an image, as one polygon of few vertices."""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

MOST_VERTICES = 120
LEAST_INSIDE = 0.995
"""Part of the observed pixels whose centre the outline must hold."""

MOST_AREA = 1.01
"""Area of the outline over that of the observed pixels, holes filled, at most."""

_TOLERANCES_PIX = (4.0, 2.0, 1.0, 0.75, 0.5, 0.25, 0.0)


def trace_outline(observed: BoolArray) -> FloatArray:
    """Return the outline of the observed pixels of an image.

    Holes are filled. An image whose observed part falls into pieces, or has a border too rough for `MOST_VERTICES`,
    gets the convex hull of the whole, which leaves no pixel out.

    Parameters
    ----------
    observed : (n_y, n_x)
        Whether each pixel was observed; at least one was.

    Returns
    -------
    (n_vertex, 2), pixels
        x and y, the centre of the first pixel at (0, 0); counter-clockwise with x to the right and y upwards.

    References
    ----------
    Douglas & Peucker 1973, Cartographica 10, 112, for leaving vertices out.

    Examples
    --------
    >>> trace_outline(np.ones((2, 3), dtype=bool)).tolist()
    [[-0.5, -0.5], [2.5, -0.5], [2.5, 1.5], [-0.5, 1.5]]
    """
    from scipy import ndimage  # noqa: PLC0415 - 0.2 s at start-up, which readers of other products do without

    labels = np.empty(observed.shape, dtype=np.int32)
    count = int(ndimage.label(observed, output=labels))  # pyright: ignore[reportArgumentType]  # the number of pieces
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    if sizes.max() >= LEAST_INSIDE * sizes.sum():
        piece = np.asarray(ndimage.binary_fill_holes(labels == 1 + sizes.argmax()), dtype=np.bool_)
        loop = _trace(piece)
        for tolerance in _TOLERANCES_PIX:
            vertices = _thin(loop, tolerance)
            if len(vertices) > MOST_VERTICES:
                break
            if _fits(vertices, observed, piece, tolerance):
                return vertices - 0.5
    rows, columns = np.nonzero(_rim(observed, 1))
    corners = np.concatenate([np.stack([columns + dx, rows + dy], axis=1) for dx in (0, 1) for dy in (0, 1)])
    from scipy.spatial import ConvexHull  # noqa: PLC0415 - as above

    hull = corners[ConvexHull(corners).vertices].astype(np.float64)
    for tolerance in _TOLERANCES_PIX[::-1]:
        thinner = _thin(hull, tolerance)
        if len(thinner) <= MOST_VERTICES:
            return thinner - 0.5
    return hull - 0.5


def _trace(piece: BoolArray) -> FloatArray:
    """Follow the border of one piece without holes, inside on the left; vertices are corners of pixels."""
    padded = np.pad(piece, 1)
    inner = padded[1:-1, 1:-1]
    following: dict[tuple[int, int], list[tuple[int, int]]] = {}
    # For each side of a pixel: its neighbour there, and the corners between which that side runs.
    for neighbour, (x0, y0), (x1, y1) in (
        (padded[:-2, 1:-1], (0, 0), (1, 0)),
        (padded[1:-1, 2:], (1, 0), (1, 1)),
        (padded[2:, 1:-1], (1, 1), (0, 1)),
        (padded[1:-1, :-2], (0, 1), (0, 0)),
    ):
        for y, x in np.argwhere(inner & ~neighbour).tolist():
            following.setdefault((x + x0, y + y0), []).append((x + x1, y + y1))
    start = min(following, key=lambda corner: (corner[1], corner[0]))
    loop, previous, here = [start], start, following[start][0]
    while here != start:
        loop.append(here)
        ways = following[here]
        if len(ways) > 1:  # two pixels touch at this corner: turn left, to stay on the same pixel
            step = (here[0] - previous[0], here[1] - previous[1])
            ways = [way for way in ways if (way[0] - here[0], way[1] - here[1]) == (-step[1], step[0])]
        previous, here = here, ways[0]
    return np.array(loop, dtype=np.float64)


def _thin(loop: FloatArray, tolerance: float) -> FloatArray:
    """Leave out the vertices of a closed line that are no further than `tolerance` from what stays."""
    far = int(np.hypot(*(loop - loop[0]).T).argmax())
    closed = np.concatenate([loop, loop[:1]])
    kept = np.zeros(len(closed), dtype=bool)
    kept[[0, far]] = True
    spans = [(0, far), (far, len(closed) - 1)]
    while spans:
        first, last = spans.pop()
        if last - first < 2:
            continue
        chord = closed[last] - closed[first]
        away = closed[first + 1 : last] - closed[first]
        length = np.hypot(*chord)
        distance = np.abs(chord[0] * away[:, 1] - chord[1] * away[:, 0]) / length if length else np.hypot(*away.T)
        place = int(distance.argmax())
        if distance[place] > tolerance + 1e-9:
            middle = first + 1 + place
            kept[middle] = True
            spans += [(first, middle), (middle, last)]
    return closed[:-1][kept[:-1]]


def _fits(vertices: FloatArray, observed: BoolArray, piece: BoolArray, tolerance: float) -> bool:
    """Say whether an outline holds nearly all observed pixels and little else."""
    x, y = vertices.T
    area = 0.5 * float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))
    if len(vertices) < 3 or not 0 < area <= MOST_AREA * piece.sum():
        return False
    # Only pixels near the border can have come to lie on the other side of it.
    rows, columns = (axis.astype(np.float64) for axis in np.nonzero(_rim(piece, int(tolerance) + 2) & observed))
    lost = np.count_nonzero(~_inside(vertices, columns + 0.5, rows + 0.5)) + np.count_nonzero(observed & ~piece)
    return bool(lost <= (1.0 - LEAST_INSIDE) * np.count_nonzero(observed))


def _rim(pixels: BoolArray, width: int) -> BoolArray:
    """Return the pixels that are at most `width` steps from a pixel outside."""
    from scipy import ndimage  # noqa: PLC0415 - see trace_outline

    return pixels & ~np.asarray(ndimage.binary_erosion(pixels, iterations=width), dtype=np.bool_)


def _inside(vertices: FloatArray, x: FloatArray, y: FloatArray) -> BoolArray:
    """Say which places lie in a polygon, by the number of its sides that a ray to the right crosses."""
    inside = np.zeros(x.shape, dtype=bool)
    for (x0, y0), (x1, y1) in zip(vertices, np.roll(vertices, -1, axis=0), strict=True):
        if y0 == y1:
            continue
        crosses = (y0 > y) != (y1 > y)
        inside ^= crosses & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
    return inside
