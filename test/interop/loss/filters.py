"""Random filters of those who follow, and what they take of a journal, by looking at each of its entries.

Features lie on halves of degrees. Areas have their corners on whole ones, and where an edge is slanted on quarters
beside them, so that no corner of the one lies on an edge of the other.
"""

import shapes

SERIES = ["a/x", "a/y", "b/x", "a", "é/x"]
KINDS = ["car", "ship", "é", None]
IDS = [f"f{n}" for n in range(40)]
OPS = ["put_feature", "delete_feature", "put_points", "delete_points", "set_attributes", "revert", "set_defaults"]


def position(rng):
    if rng.random() < 0.15:
        return [rng.choice([-1, 1]) * (170.5 + rng.randrange(9)), rng.randrange(-15, 15) + 0.5]
    return [rng.randrange(-30, 30) + 0.5, rng.randrange(-30, 30) + 0.5]


def geometry(rng):
    """Of a feature."""
    x, y = position(rng)
    kind = rng.random()
    if kind < 0.08:
        return None
    if kind < 0.7 or abs(x) > 160:
        return {"type": "Point", "coordinates": [x, y]}
    w, h = rng.randrange(1, 8), rng.randrange(1, 8)
    if kind < 0.85:
        return {"type": "LineString", "coordinates": [[x, y], [x + w, y + rng.choice([0, h, -h])]]}
    return {"type": "Polygon", "coordinates": [[[x, y], [x + w, y], [x + w, y + h], [x, y + h], [x, y]]]}


def shape(geometry):
    coordinates = geometry["coordinates"]
    match geometry["type"]:
        case "Point":
            return [shapes.piece(coordinates)]
        case "LineString":
            return [shapes.piece(*coordinates)]
        case "Polygon":
            return [shapes.piece(*coordinates[0][:-1])]
        case "MultiPolygon":
            return [shapes.piece(*rings[0][:-1]) for rings in coordinates]


def feature(rng, id, **more):
    properties = {"kind": rng.choice(KINDS), "n": rng.choice([None, 1, 3, 5, 6, 2.5]), **more}
    if rng.random() < 0.3:
        properties["tags"] = rng.sample(["a", "b", 1], 2)
    # One that is not there differs from one that is null.
    if properties["n"] is None and rng.random() < 0.5:
        del properties["n"]
    return {"type": "Feature", "id": id, "geometry": geometry(rng), "properties": properties}


## Filters


def random_filter(rng, several=True):
    """The words of a filter; `several`: series may be a list, as in a message."""
    kind = rng.random()
    words = {}
    if kind < 0.12:
        return words
    if rng.random() < 0.2 or kind < 0.2:
        words["type"] = rng.choice(OPS)
    if 0.2 <= kind < 0.4 or 0.9 < kind:
        one = lambda: rng.choice(["a/x", "a*", "*", "é*", "b/x", "none", "a"])
        words["series_id"] = [one(), one()] if several and rng.random() < 0.4 else one()
    if 0.4 <= kind:
        if rng.random() < 0.25:
            words["ids"] = rng.sample(IDS, 6)
        if rng.random() < 0.45:
            words["bbox"] = [170, -20, -170, 20] if rng.random() < 0.3 else _corners(rng)
        if rng.random() < 0.35:
            words |= _geometry(rng)
        if rng.random() < 0.4:
            words |= rng.choice(PROPERTIES)
        if ("bbox" in words or "geometry" in words) and rng.random() < 0.4:
            words["predicate"] = rng.choice(["within", "contains", "intersects"])
    if never(words):
        del words["type"]
    return words


def never(words):
    """Whether its type goes with nothing else in it, which is refused."""
    features, series = Filter(words).of_features, "series_id" in words
    match words.get("type"):
        case "put_feature" | "delete_feature":
            return series and not features
        case "put_points" | "delete_points" | "set_attributes":
            return features and not series
        case "set_defaults":
            return features or series
    return False


PROPERTIES = [
    {"prop.kind": "car"}, {"prop.kind": "in:car,ship"}, {"prop.kind": "ne:car"}, {"prop.kind": "starts:c"},
    {"prop.kind": "contains:hi"}, {"prop.kind": "null"}, {"prop.kind": "é"}, {"prop.n": "gte:3"}, {"prop.n": ["gte:2", "lt:6"]},
    {"prop.n": "exists:false"}, {"prop.n": "exists"}, {"prop.tags": "has:a"}, {"prop.tags": "has:1", "prop.n": "gt:1"},
]


def _corners(rng):
    w, s = rng.randrange(-32, 28), rng.randrange(-32, 28)
    return [w, s, w + rng.randrange(1, 30), s + rng.randrange(1, 30)]


def _geometry(rng):
    w, s, e, n = _corners(rng)
    kind = rng.randrange(5)
    if kind == 0:
        ring = [[170, -20], [-170, -20], [-170, 20], [170, 20], [170, -20]]
        return {"geometry": {"type": "Polygon", "coordinates": [ring]}, "antimeridian": "cut"}
    if kind == 1:
        coordinates = [[[[x, -20], [x + 10, -20], [x + 10, 20], [x, 20], [x, -20]]] for x in (170, -180)]
        return {"geometry": {"type": "MultiPolygon", "coordinates": coordinates}}
    if kind == 2:
        size = rng.randrange(4, 40)
        ring = [[w + 0.25, s], [w + 0.25 + size, s], [w + 0.25, s + size], [w + 0.25, s]]
        return {"geometry": {"type": "Polygon", "coordinates": [ring]}}
    if kind == 3:
        return {"geometry": {"type": "LineString", "coordinates": [[w, s], [e, s]]}}
    return {"geometry": {"type": "Polygon", "coordinates": [[[w, s], [e, s], [e, n], [w, n], [w, s]]]}}


def random_query(rng):
    """A filter of the journal itself, as requests that wait take it."""
    kind = rng.randrange(6)
    words = {}
    if kind in (1, 5):
        words["type"] = rng.choice(OPS)
    if kind == 2:
        words["feature_id"] = rng.choice(IDS)
    if kind in (3, 5):
        words["series_id"] = rng.choice(["a/x", "a*", "é*", "none"])
    if kind == 4:
        words["provenance.agent"] = f"w{rng.randrange(4)}"
    return words


## Brute force


class Entry:
    """A block: what it does, and to what."""

    __slots__ = ("json", "seq", "op", "effect", "series", "id", "before", "after")

    def __init__(self, json, features):
        self.json, self.seq, self.op = json, json["seq"], json["op"]
        self.effect, body = (json["body"]["op"], json["body"]["body"]) if self.op == "revert" else (self.op, json["body"])
        self.series = self.id = self.before = self.after = None
        if self.effect == "put_feature":
            self.id = body["id"]
            self.before, self.after = features.get(self.id), Version(body)
            features[self.id] = self.after
        elif self.effect == "delete_feature":
            self.id = body["id"]
            self.before = features.pop(self.id, None)
        elif self.effect != "set_defaults":
            self.series = body["series_id"]


class Version:
    __slots__ = ("properties", "shape")

    def __init__(self, body):
        self.properties = body["properties"] or {}
        self.shape = body["geometry"] and shape(body["geometry"])


class Filter:
    """The words of one, taken apart."""

    def __init__(self, words):
        self.type = words.get("type")
        series = words.get("series_id")
        self.series = [series] if isinstance(series, str) else series
        self.ids = words.get("ids")
        self.predicate = words.get("predicate", "intersects")
        self.areas = []
        if "bbox" in words:
            w, s, e, n = words["bbox"]
            boxes = [(w, s, e, n)] if w <= e else [(w, s, 180, n), (-180, s, e, n)]
            self.areas.append([shapes.rectangle(*box) for box in boxes])
        if words.get("antimeridian") == "cut":
            self.areas.append([shapes.rectangle(170, -20, 180, 20), shapes.rectangle(-180, -20, -170, 20)])
        elif "geometry" in words:
            self.areas.append(shape(words["geometry"]))
        self.properties = [(name[5:], text) for name, texts in words.items() if name.startswith("prop.")
                           for text in ([texts] if isinstance(texts, str) else texts)]
        self.of_features = bool(self.ids or self.areas or self.properties)

    def takes(self, entry):
        """Which version it takes: `before`, `after` or `both`; `None`: it does not."""
        if self.type not in (None, entry.op, entry.effect):
            return None
        if not self.of_features and self.series is None:
            if entry.id is not None:
                return _sides(entry.before is not None, entry.after is not None) or "before"
            return "before" if entry.effect == "delete_points" else "after"
        if entry.series is not None:
            if self.series and any(names(one, entry.series) for one in self.series):
                return "before" if entry.effect == "delete_points" else "after"
        elif entry.id is not None and self.of_features:
            if self.ids is None or entry.id in self.ids:
                return _sides(self._holds(entry.before), self._holds(entry.after))
        return None

    def _holds(self, version):
        if version is None or self.areas and not version.shape:
            return False
        return (all(expression(version.properties, name, text) for name, text in self.properties)
                and all(shapes.related(version.shape, area, self.predicate) for area in self.areas))


class Query:
    """A filter of the journal."""

    def __init__(self, words):
        self.words = words

    def takes(self, entry):
        for name, value in self.words.items():
            match name:
                case "type":
                    held = entry.op == value
                case "feature_id":
                    held = entry.id == value
                case "series_id":
                    held = entry.series is not None and names(value, entry.series)
                case "provenance.agent":
                    held = entry.json.get("provenance", {}).get("agent") == value
            if not held:
                return None
        return "entry"


def names(words, id):
    return id.startswith(words[:-1]) if words.endswith("*") else id == words


def _sides(before, after):
    return {(True, True): "both", (True, False): "before", (False, True): "after"}.get((before, after))


def expression(properties, name, text):
    there, value = name in properties, properties.get(name)
    op, _, rest = text.partition(":")
    match op:
        case "exists":
            return there == (rest != "false")
        case "null":
            return there and value is None
        case "ne":
            return value != rest
        case "in":
            return value in rest.split(",")
        case "has":
            return isinstance(value, list) and (int(rest) if rest.isdigit() else rest) in value
        case "starts":
            return isinstance(value, str) and value.startswith(rest)
        case "contains":
            return isinstance(value, str) and rest in value
        case "gt" | "gte" | "lt":
            if value is None:
                return False
            return {"gt": value > int(rest), "gte": value >= int(rest), "lt": value < int(rest)}[op]
    return value == text
