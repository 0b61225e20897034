"""Asks a library within this process: SQLite, DuckDB or GeoPandas.

    python embedded.py LIBRARY FOLDER

Commands are lines of JSON on standard input, `{"do": NAME, ...}`; each is answered by a line,
what the function of that name in the library's class returns. `time` asks for a rate: questions are
asked in turn, one after the other, for so many seconds.
"""

import itertools
import json
import pathlib
import random
import sqlite3
import sys
import time


def features(path):
    """The features of a file of GeoJSON lines: id, document, geometry."""
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            feature = json.loads(line)
            yield feature["id"], line.rstrip("\n"), feature["geometry"]


class Library:
    def ids(self, kind, table, questions):
        return [[json.loads(document)["id"] for document in self.ask(kind, table)(q)] for q in questions]

    def counts(self, kind, table, questions):
        return [self.ask(kind, table)(q) for q in questions]

    def time(self, kind, table, questions, seconds):
        ask = self.ask(kind, table)
        asked, began = 0, time.perf_counter()
        at = random.randrange(len(questions))
        for question in itertools.islice(itertools.cycle(questions), at, None):
            ask(question)
            asked += 1
            if time.perf_counter() - began > seconds:
                return asked / (time.perf_counter() - began)

    def insert(self, seconds):
        """Single writes a second, each of which is on disk before the next one."""
        write = self.writer()
        written, began = 0, time.perf_counter()
        while time.perf_counter() - began < seconds:
            self.number += 1
            write(self.number)
            written += 1
        return written / (time.perf_counter() - began)

    number = 0
    document = (
        '{"type":"Feature","id":"w%d","geometry":{"type":"Point","coordinates":[7.%d,46.%d]},'
        '"properties":{"mag":5.5,"place":"somewhere"}}'
    )


class Sqlite(Library):
    """R*Tree with the document beside each box; WAL, and each commit synced."""

    def __init__(self, folder):
        self.db = sqlite3.connect(folder / "sqlite.db", isolation_level=None)
        self.db.execute("pragma journal_mode=wal")
        self.db.execute("pragma synchronous=full")
        self.db.execute("pragma cache_size=-1000000")

    def version(self):
        return sqlite3.sqlite_version

    def load(self, table, path):
        began = time.perf_counter()
        self.db.execute(f"create virtual table {table} using rtree(id, west, east, south, north, +doc)")
        self.db.execute("begin")
        self.db.executemany(
            f"insert into {table} values (?, ?, ?, ?, ?, ?)",
            (
                (n, g["coordinates"][0], g["coordinates"][0], g["coordinates"][1], g["coordinates"][1], document)
                for n, (_, document, g) in enumerate(features(path), 1)
            ),
        )
        self.db.execute("commit")
        took = time.perf_counter() - began
        return [self.db.execute(f"select count(*) from {table}").fetchone()[0], took]

    def ask(self, kind, table):
        selected = {"box": "doc", "count": "count(*)"}[kind]
        sql = f"select {selected} from {table} where west >= ? and south >= ? and east <= ? and north <= ?"
        cursor = self.db.cursor()
        if kind == "count":
            return lambda box: cursor.execute(sql, box).fetchone()[0]
        return lambda box: [row[0] for row in cursor.execute(sql, box)]

    def writer(self):
        self.db.execute("create virtual table if not exists written using rtree(id, west, east, south, north, +doc)")
        cursor = self.db.cursor()

        def write(n):
            x, y = n * 48271 % 100000, n % 100000
            place = (7 + x / 1e5, 7 + x / 1e5, 46 + y / 1e5, 46 + y / 1e5)
            cursor.execute("insert into written values (?, ?, ?, ?, ?, ?)", (n, *place, self.document % (n, x, y)))

        return write


class Duckdb(Library):
    """Tables on disk, with an R-tree where there are geometries."""

    def __init__(self, folder):
        import duckdb
        import duckdb_extension_spatial

        self.duckdb = duckdb
        self.db = duckdb.connect(str(folder / "duck.db"))
        root = pathlib.Path(duckdb_extension_spatial.__file__).parent
        extension = next(root.glob("extensions/*/spatial.duckdb_extension"))
        self.db.execute(f"load '{extension}'")
        self.db.execute("set threads=2")

    def version(self):
        return self.duckdb.__version__

    def load(self, table, path):
        began = time.perf_counter()
        self.db.execute(
            f"create table {table} as select json_extract_string(line, '$.id') as id, line as doc,"
            f" st_geomfromgeojson(json_extract(line, '$.geometry')) as geom"
            f" from read_csv('{path}', columns={{'line': 'varchar'}}, delim='\\x01', quote='', escape='',"
            f" header=false, max_line_size=20000000, auto_detect=false)"
        )
        self.db.execute(f"create index {table}_geom on {table} using rtree (geom)")
        self.db.execute("checkpoint")
        took = time.perf_counter() - began
        return [self.db.execute(f"select count(*) from {table}").fetchone()[0], took]

    # The R-tree is used where the area is a constant of the statement.
    def ask(self, kind, table):
        cursor = self.db.cursor()
        box = "st_intersects(geom, st_makeenvelope({}, {}, {}, {}))"
        point = "st_intersects(geom, st_point({}, {}))"
        if kind == "box":
            sql = f"select doc from {table} where {box}"
            return lambda q: [row[0] for row in cursor.execute(sql.format(*q)).fetchall()]
        sql = f"select count(*) from {table} where {box if kind == 'count' else point}"
        return lambda q: cursor.execute(sql.format(*q)).fetchone()[0]

    def writer(self):
        self.db.execute("create table if not exists written (id varchar, geom geometry, doc varchar)")
        cursor = self.db.cursor()

        def write(n):
            x, y = n * 48271 % 100000, n % 100000
            cursor.execute(
                "insert into written values (?, st_point(?, ?), ?)",
                [f"w{n}", 7 + x / 1e5, 46 + y / 1e5, self.document % (n, x, y)],
            )

        return write

    def sql(self, statement):
        """The rows of a statement, and how long it took with fetching them."""
        began = time.perf_counter()
        rows = self.db.execute(statement).fetchall()
        took = time.perf_counter() - began
        return [[str(cell) if not isinstance(cell, (int, float)) else cell for cell in row] for row in rows], took

    def time_sql(self, statement, parameters, seconds):
        """Calls a second of a statement with parameters in turn, and all rows fetched."""
        cursor = self.db.cursor()
        asked, began = 0, time.perf_counter()
        for values in itertools.cycle(parameters):
            cursor.execute(statement, values).fetchall()
            asked += 1
            if time.perf_counter() - began > seconds:
                return asked / (time.perf_counter() - began)


class Geopandas(Library):
    """A GeoDataFrame and its spatial index (STRtree), in memory."""

    def __init__(self, _folder):
        import geopandas
        import numpy
        import shapely

        self.geopandas, self.numpy, self.shapely = geopandas, numpy, shapely
        self.tables = {}

    def version(self):
        return f"{self.geopandas.__version__} (Shapely {self.shapely.__version__})"

    def load(self, table, path):
        began = time.perf_counter()
        ids, documents, geometries = zip(*features(path))
        shapes = self.shapely.from_geojson([json.dumps(g) for g in geometries])
        frame = self.geopandas.GeoDataFrame({"id": ids, "doc": documents}, geometry=shapes, crs=4326)
        frame.sindex.query(self.shapely.box(0, 0, 1, 1))
        self.tables[table] = (frame, self.numpy.array(documents, dtype=object))
        return [len(frame), time.perf_counter() - began]

    def ask(self, kind, table):
        frame, documents = self.tables[table]
        index, box, point = frame.sindex, self.shapely.box, self.shapely.Point
        if kind == "box":
            return lambda q: documents[index.query(box(*q), predicate="intersects")].tolist()
        if kind == "count":
            return lambda q: len(index.query(box(*q), predicate="intersects"))
        return lambda q: len(index.query(point(*q), predicate="intersects"))


def main():
    library = {"SQLite": Sqlite, "DuckDB": Duckdb, "GeoPandas": Geopandas}[sys.argv[1]](pathlib.Path(sys.argv[2]))
    for line in sys.stdin:
        command = json.loads(line)
        print(json.dumps(getattr(library, command.pop("do"))(**command)), flush=True)


main()
