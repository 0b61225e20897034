"""How two shapes lie to each other, in the plane and in whole numbers.

A shape is a list of convex pieces, and a piece a list of corners: a point, a segment or a convex polygon. Coordinates
are quarters of degrees as integers, so nothing is rounded. Stored features and areas have no corner and no edge
in common (see `filters`), so no case hangs on what boundaries count as.
"""


def piece(*positions):
    return [(round(x * 4), round(y * 4)) for x, y in positions]


def rectangle(w, s, e, n):
    return piece((w, s), (e, s), (e, n), (w, n))


def intersects(one, other):
    return any(_meet(a, b) for a in one for b in other)


def inside(one, other):
    """Whether each piece of one lies in a piece of the other."""
    return all(any(_covers(b, a) for b in other) for a in one)


def related(feature, area, predicate):
    if predicate == "within":
        return inside(feature, area)
    if predicate == "contains":
        return inside(area, feature)
    return intersects(feature, area)


def _edges(corners):
    return [(b[0] - a[0], b[1] - a[1]) for a, b in zip(corners, corners[1:] + corners[:1]) if a != b]


def _meet(one, other):
    """Convex sets have no point in common exactly when a line between them is parallel to an edge of one."""
    directions = [(1, 0), (0, 1)]
    for dx, dy in _edges(one) + _edges(other):
        directions += [(dx, dy), (-dy, dx)]
    for dx, dy in directions:
        a = [x * dx + y * dy for x, y in one]
        b = [x * dx + y * dy for x, y in other]
        if max(a) < min(b) or max(b) < min(a):
            return False
    return True


def _covers(polygon, corners):
    if len(polygon) < 3:
        return False
    signs = set()
    for (ax, ay), (bx, by) in zip(polygon, polygon[1:] + polygon[:1]):
        for x, y in corners:
            turn = (bx - ax) * (y - ay) - (by - ay) * (x - ax)
            signs.add((turn > 0) - (turn < 0))
    return not {1, -1} <= signs
