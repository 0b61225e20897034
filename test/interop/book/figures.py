"""What pandas, shapely and PROJ make of the data of a page, held against the figures that it shows.

A check is a function of a page. It asks for the answer to a command (`shown`, which notes that it was asked
for) and says with `same` what must be in it. The data come from the page's own commands and from
priv/samples, never from the server.
"""

import contextlib
import copy
import json
import math
import re
import urllib.parse

import geopandas
import pandas
import pyproj
import shapely
from clients import PROJECT, fail

import pages

SAMPLES = PROJECT / "priv" / "samples"
# Sums of other programs are rounded at each step, those of the server once.
CLOSE = 1e-12
# Two programs for geodesics, in metres.
METRE = 1e-6
GEOD = pyproj.Geod(ellps="WGS84")

CHECKS = {}
# Commands that ask a question whose answer has figures.
QUESTION = re.compile(r"/aggregate|/summary|/heatmap|/nearby|count=true|/timeseries[/?*]|/diff|wc -l")
# Members of answers that count blocks, not data.
BLOCKS = {"seq", "first_seq", "last_seq", "durable_seq", "prev", "txn", "status", "tree_size", "numberReturned",
          "point_id", "replaced", "ignored", "skipped", "missing", "blocks"}


class Differs(Exception):
    pass


def page(name):
    return lambda check: CHECKS.setdefault(f"docs/{name}.md", check)


def same(found, expected, close=CLOSE):
    """Equal, but for the last digits of numbers with a fraction, and for what … stands for."""
    if found == pages.ANY:
        return
    if isinstance(found, dict) and isinstance(expected, dict):
        for name in (set(found) | set(expected)) - {pages.ANY}:
            if name not in expected or (name not in found and pages.ANY not in found):
                raise Differs(f"member {name}: found {found}, expected {expected}")
            if name in found:
                same(found[name], expected[name], close)
    elif isinstance(found, list) and isinstance(expected, list):
        if len(found) != len(expected):
            raise Differs(f"found {len(found)} of {len(expected)}: {found}, {expected}")
        for one, other in zip(found, expected):
            same(one, other, close)
    elif isinstance(found, float) and isinstance(expected, (int, float)):
        if not math.isclose(found, expected, rel_tol=CLOSE, abs_tol=close if close > CLOSE else 0):
            raise Differs(f"found {found!r}, expected {expected!r}")
    elif found != expected or type(found) is not type(expected):
        raise Differs(f"found {found!r}, expected {expected!r}")


class Shown:
    """What a page shows, for one run of its check; `altered` stands in the place of one answer."""

    def __init__(self, page, altered=None):
        self.page, self.altered, self.asked = page, altered or {}, []

    def __call__(self, part, nth=0):
        step = self.page.command(part, nth)
        self.asked.append(step)
        return self.altered[step] if step in self.altered else value(step)


def value(step):
    """An answer in JSON, or the text that another command prints."""
    with contextlib.suppress(ValueError):
        found = pages.answer(step.shown)
        if isinstance(found, (dict, list)):
            return found
    return step.shown.strip()


def check(page):
    """How many figures of a page were checked, and how many altered ones were noticed."""
    shown = Shown(page)
    if page.name in CHECKS:
        try:
            CHECKS[page.name](shown)
        except Differs as difference:
            place = shown.asked[-1].place
            fail(f"{place}: the page shows another figure than other programs work out: {difference}")
    for step in page.steps:
        if step.kind == "console" and QUESTION.search(step.code) and step not in shown.asked \
                and re.search(r"\d", step.shown) and not step.shown.startswith(("HTTP/1.1 4", "HTTP/1.1 201")) \
                and not re.search(r"-X (POST|DELETE)|-X PUT \S*attributes|--data|--json.*series_id", step.code, re.S):
            fail(f"{step.place}: the figures of this answer are held against nothing")
    figures = 0
    for step in dict.fromkeys(shown.asked):
        for altered in alterations(value(step)):
            figures += 1
            with contextlib.suppress(Differs, LookupError):
                CHECKS[page.name](Shown(page, {step: altered}))
                fail(f"{step.place}: the check does not notice {json.dumps(altered)[:600]}")
    return figures, figures


def alterations(value):
    """The value with one of its figures altered, for each."""
    if isinstance(value, str):
        for found in re.finditer(r"(?<![\w:.+-])\d+(\.\d+)?(?![\w:.+-])", value):
            yield value[:found.start()] + "9" + value[found.start():]
        return
    for place in figures_in(value):
        altered = copy.deepcopy(value)
        inner = altered
        for step in place[:-1]:
            inner = inner[step]
        number = inner[place[-1]]
        inner[place[-1]] = number + 1 if isinstance(number, int) else number * (1 + 1e-9) or 1.0
        yield altered


def figures_in(value, place=()):
    if isinstance(value, bool):
        return
    if isinstance(value, (int, float)):
        yield place
    elif isinstance(value, dict):
        for name, member in value.items():
            # Of features that are given back only what the answer adds is a figure.
            if name not in BLOCKS | {"geometry", "properties"}:
                yield from figures_in(member, (*place, name))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from figures_in(item, (*place, i))


## What the data are


def iso(time):
    """A time as the server writes it."""
    text = time.isoformat(timespec="microseconds")
    return text.replace("+00:00", "Z")


def data_of(series):
    """A pandas series as `data` of an answer."""
    return [{"timestamp": iso(time), "value": item} for time, item in series.items()]


def sent_series(body):
    """A series out of the JSON of a write of columns or of a point."""
    times = body.get("timestamps") or [body["timestamp"]]
    values = body.get("values") or [body["value"]]
    return pandas.Series([float(item) for item in values], index=pandas.to_datetime(times, utc=True))


def sent_table(shown, part):
    """The table of a printf, a column a series, by time."""
    header, rows = shown.page.rows(part)
    table = pandas.DataFrame(rows, columns=header).set_index("timestamp")
    table.index = pandas.to_datetime(table.index, utc=True)
    return table.replace("", None).astype(float)


def whole(series, zone="UTC"):
    """The bucket of an aggregate without an interval begins with the first point."""
    return series.index.min().tz_convert(zone)


def earthquakes():
    return geopandas.read_file(SAMPLES / "earthquakes.geojson").set_index("id")


def distances(frame, longitude, latitude):
    """Metres from a position to the points of a frame, without their depth."""
    points = frame.geometry
    _, _, metres = GEOD.inv([longitude] * len(points), [latitude] * len(points), points.x.values, points.y.values)
    return pandas.Series(metres, index=frame.index)


## The pages


@page("howto/correct-a-value")
def correct_a_value(shown):
    wrong = sent_series(shown.page.sent("timestamps"))
    put = shown.page.sent("on_duplicate=replace")
    right = pandas.concat([wrong[wrong.index != pandas.Timestamp(put["timestamp"])], sent_series(put)]).sort_index()
    same(shown("timeseries/mitte%2Fno2")["data"], data_of(right))
    same(shown("aggregation=avg")["data"], data_of(pandas.Series({whole(right): right.mean()})))
    same(shown("aggregation=avg&as_of=3")["data"], data_of(pandas.Series({whole(wrong): wrong.mean()})))


@page("howto/duplicates")
def duplicates(shown):
    once = sent_table(shown, "printf")["mitte/no2"]
    twice = pandas.concat([once, once])
    for nth, points in enumerate((twice, once)):
        same(shown("aggregation=count", nth)["data"],
             data_of(points.resample("1h").count().astype(object)))


@page("howto/import-again")
def import_again(shown):
    points = sent_table(shown, "printf")["mitte/no2"]
    same(shown("aggregation=count")["data"], data_of(pandas.Series({whole(points): len(points)}, dtype=object)))


@page("howto/what-did-we-know")
def what_did_we_know(shown):
    first = sent_series(shown.page.sent("timestamps"))
    both = pandas.concat([first, sent_series(shown.page.sent('"timestamp":'))])
    same(shown("aggregation=avg")["data"], data_of(pandas.Series({whole(both): both.mean()})))
    same(shown("aggregation=avg&as_of=1")["data"], data_of(pandas.Series({whole(first): first.mean()})))


@page("howto/who-changed-this")
def who_changed_this(shown):
    old, new = (shown.page.sent(part)["properties"]["limit"] for part in ("-X PUT", "-X PATCH"))
    same(shown("/diff")["changes"][0], {"op": "replace", "path": "/properties/limit", "from": old, "value": new})
    body = shown.page.sent("$DB/timeseries")
    [point] = data_of(sent_series(body))
    same(shown("include=seq,provenance")["data"], [{**point, "seq": 4, "provenance": body["provenance"]}])
    [block] = shown("mitte%2Fno2/provenance")["provenance_chain"]
    same(block["points"], 1)


SEATTLE = "America/Los_Angeles"


def seattle():
    """The average year of Seattle, whose file keeps standard time: a table by local time."""
    table = pandas.read_csv(SAMPLES / "seattle-weather-hourly-normals.csv")
    table.index = pandas.DatetimeIndex(
        pandas.to_datetime(table.pop("date")).dt.tz_localize("Etc/GMT+8").dt.tz_convert(SEATTLE))
    return table


def of_months(points, how, length=1):
    """An aggregate of each so many months, by their first midnight."""
    groups = points.groupby([points.index.year, (points.index.month - 1) // length])
    first = [pandas.Timestamp(year, place * length + 1, 1, tz=SEATTLE) for year, place in groups.groups]
    return pandas.Series(groups.agg(how).tolist(), index=first, dtype=object)


def between(points, start, end):
    """The points from a local time on and before another."""
    start, end = (pandas.Timestamp(time, tz=SEATTLE) for time in (start, end))
    return points[(points.index >= start) & (points.index < end)]


@page("howto/monthly-means")
def monthly_means(shown):
    table = seattle()
    temperature = table["temperature"]
    same(shown("data-binary")["inserted"], table.size)
    for how, name in (("mean", "avg"), ("count", "count")):
        same(shown(f"aggregation={name}&interval=1mo")["data"], data_of(of_months(temperature, how)))
    for part, begin, end, how in (("aggregation=count&interval=1d", "2010-03-13", "2010-03-16", "count"),
                                  ("aggregation=max&interval=1d", "2010-11-06", "2010-11-09", "max")):
        some = between(temperature, begin, end)
        same(shown(part)["data"], data_of(some.groupby(some.index.normalize()).agg(how).astype(object)))
    same(shown("end=2010-11-07T03:00")["data"], data_of(between(temperature, "2010-11-07", "2010-11-07T03:00")))


@page("howto/hours-above-a-limit")
def hours_above_a_limit(shown):
    table = seattle()
    temperature = table["temperature"]
    same(shown("data-binary")["inserted"], table.size)
    week = between(temperature, "2010-09-01", "2010-09-08") > 22
    same(shown("fill=null")["data"], data_of(week.groupby(week.index.normalize()).sum().astype(object)))
    same(shown("value=gt:22&interval=1mo")["data"], data_of(of_months(temperature[temperature > 22], "count")))
    same(shown("end=2010-10-01")["data"], data_of(of_months(between(temperature, "2010-06-01", "2010-10-01"), "count")))
    same(shown("value=gt:24.3")["data"], data_of(temperature[temperature > 24.3]))
    quarters = of_months(temperature, lambda values: values.quantile(0.95), length=3)
    same(shown("aggregation=p95")["data"], data_of(quarters))
    some = temperature[(temperature >= 10) & (temperature < 20)]
    same(shown("aggregation=avg")["data"], data_of(pandas.Series({whole(some): some.mean()})))


@page("howto/running-means-and-profiles")
def running_means_and_profiles(shown):
    table = seattle()
    temperature = table["temperature"]
    same(shown("data-binary")["inserted"], table.size)
    hours = between(temperature, "2010-07-28T16:00", "2010-07-28T20:00").index
    hour = pandas.Timedelta("1h")
    ends = {start: temperature[(temperature.index >= start - 7 * hour) & (temperature.index < start + hour)]
            for start in hours}
    same(shown("window=8h")["data"], data_of(pandas.Series({start: points.mean() for start, points in ends.items()})))
    july = between(temperature, "2010-07-01", "2010-08-01").groupby(lambda time: time.hour)
    lines = [f"{hour},{mean!r},{most!r}" for hour, mean, most in zip(july.groups, july.mean().tolist(), july.max().tolist())]
    header, *rows = shown("group_by=hour_of_day").splitlines()
    same(header, "group,avg,max")
    same([[float(cell) for cell in row.split(",")] for row in rows], [[float(cell) for cell in row.split(",")] for row in lines])
    days = between(temperature, "2010-01-01", "2010-01-03")
    days = days.groupby(days.index.normalize())
    same(shown("coverage")["data"], [{"timestamp": iso(day), "avg": points.mean(), "count": len(points),
                                      "coverage": len(points) / 24} for day, points in days])


@page("howto/find-by-property")
def find_by_property(shown):
    quakes = earthquakes()
    mag, net = quakes["mag"], quakes["net"]
    times = pandas.to_datetime(quakes["time"], unit="ms")
    for part, holds in (("prop.mag=gte:4", (mag >= 4) & (mag < 5)),
                        ("prop.type", quakes["type"].isin(["explosion", "quarry blast"])),
                        ("prop.felt", quakes["felt"] > 0),
                        ("prop.time", (times >= pandas.Timestamp("2018-02-02")) & (times < pandas.Timestamp("2018-02-03"))),
                        ("prop.place", quakes["place"].str.contains("Alaska", regex=False)),
                        ("prop.net", net.str.startswith("u") & (mag >= 5))):
        same(shown(part)["numberMatched"], int(holds.sum()))


@page("howto/in-an-area")
def in_an_area(shown):
    quakes = earthquakes()
    flat = quakes.set_geometry(geopandas.points_from_xy(quakes.geometry.x, quakes.geometry.y))
    boxes = {"bbox=-122.6": [(-122.6, 37.2, -121.6, 38.2)],
             "bbox=175": [(175, -25, 180, -10), (-180, -25, -170, -10)]}
    for part, parts in boxes.items():
        area = shapely.union_all([shapely.box(*corners) for corners in parts])
        same(shown(part)["numberMatched"], int(flat.intersects(area).sum()))
    for nth in (0, 1):
        asked = shown.page.sent("features/within", nth)
        inside = flat[flat.within(shapely.geometry.shape(asked["geometry"]))]
        for expression in asked.get("filters", {}).get("prop.mag", []):
            name, number = expression.split(":")
            inside = inside[getattr(inside["mag"], {"gte": "ge", "lt": "lt"}[name])(float(number))]
        same(shown("features/within", nth)["numberMatched"], len(inside))
    area = shapely.geometry.shape(shown.page.sent("-X PUT")["geometry"])
    same(shown("feature=los-angeles")["numberMatched"], int((flat.within(area) & (quakes["mag"] >= 2.5)).sum()))
    far = distances(quakes, -122.42, 37.77)
    nearest = far[quakes["mag"] >= 2].nsmallest(3)
    found = shown("&k=3")["features"]
    same([feature["id"] for feature in found], list(nearest.index))
    for feature in found:
        near(feature["distance"], nearest[feature["id"]])
        same(feature["properties"]["mag"], quakes["mag"][feature["id"]])
    same(shown("radius=50000")["numberMatched"], int((far <= 50_000).sum()))
    some = flat[flat.intersects(shapely.box(-122.5, 37, -121, 38.5))]
    cells = pandas.DataFrame({"y": (some.geometry.y + 90) // 0.5 * 0.5 - 90, "x": (some.geometry.x + 180) // 0.5 * 0.5 - 180})
    counts = cells.groupby(["y", "x"]).size()
    same(shown("heatmap")["cells"], [{"bbox": [x, y, x + 0.5, y + 0.5], "count": int(n)} for (y, x), n in counts.items()])


def near(found, expected):
    """The distances of two programs; an altered one is further away than they are from each other."""
    if abs(found - expected) > METRE:
        raise Differs(f"found {found!r} m, expected {expected!r} m")


@page("howto/model")
def model(shown):
    table = sent_table(shown, "printf")
    stations = geopandas.GeoDataFrame.from_features(shown.page.sent("FeatureCollection"))
    stations.index = [feature["id"] for feature in shown.page.sent("FeatureCollection")["features"]]
    far = distances(stations, 13.40, 52.52).nsmallest(1)
    [feature] = shown("/nearby")["features"]
    same(feature["id"], far.index[0])
    near(feature["distance"], far.iloc[0])
    mine = table[[name for name in table.columns if name.startswith("mitte/")]]

    def listed(name):
        return {"series_id": name, "points": int(table[name].count()), "first": iso(table.index.min()),
                "last": iso(table.index.max())}

    same(shown("?feature=mitte")["series"], [listed(name) for name in sorted(mine.columns)])
    found = shown("attr.quantity=no2")["series"]
    same([{key: row[key] for key in listed("mitte/no2")} for row in found],
         [listed(name) for name in sorted(table.columns) if name.endswith("/no2")])
    put = re.compile(r"timeseries/(\S+)/attributes --json '\s*({.*?})'", re.S)
    attributes = {urllib.parse.unquote(name): json.loads(text)
                  for step in shown.page.steps for name, text in put.findall(step.code)}
    same({row["series_id"]: row["attributes"] for row in found},
         {name: one for name, one in attributes.items() if one["quantity"] == "no2"})
    same(shown("mitte%2F*/aggregate")["series"],
         [{"series_id": name, "data": data_of(pandas.Series({whole(mine): mine[name].mean()}))}
          for name in sorted(mine.columns)])


@page("howto/load-files")
def load_files(shown):
    days = pandas.read_csv(SAMPLES / "seattle-weather.csv")
    same(shown("tz=America/Los_Angeles\" -H")["inserted"], 3 * len(days))
    zone = "America/Los_Angeles"
    rain = pandas.Series(days["precipitation"].values, index=pandas.to_datetime(days["date"]).dt.tz_localize(zone))
    sums = rain.groupby(rain.index.year).agg(lambda values: math.fsum(values))
    first = [pandas.Timestamp(year, 1, 1, tz=zone) for year in sums.index]
    same(shown("aggregation=sum")["data"], data_of(pandas.Series(sums.values, index=first)))
    same(shown("count=true")["numberMatched"], int((earthquakes()["mag"] >= 6).sum()))


@page("howto/take-data-out")
def take_data_out(shown):
    table = sent_table(shown, "printf").tz_convert("Europe/Berlin")
    lines = ["timestamp," + ",".join(table.columns)]
    for time, row in table.iterrows():
        lines.append(",".join([iso(time), *("" if math.isnan(item) else repr(item) for item in row)]))
    same(shown("shape=wide"), "\n".join(lines))
    quakes = earthquakes()
    area = shapely.union_all([shapely.box(175, -25, 180, -10), shapely.box(-180, -25, -170, -10)])
    count = int(quakes.intersects(area).sum())
    same(shown("wc -l"), str(count))
    same(shown("count=true")["numberMatched"], count)
