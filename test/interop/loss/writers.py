"""Who writes: everything that there is to write, at every level of durability, over kills and while databases close."""

import asyncio
from urllib.parse import quote

import filters
from told import Fault
from wire import Gone, Http
from world import DATABASES, ROOT

# What it may be answered besides success: it is not there, something stands in the way, it is closed.
REFUSALS = {
    400: {"invalid_parameter"}, 404: None, 409: {"cannot_revert", "conflict"}, 412: {"precondition_failed"},
    503: {"database_opening", "database_closed", "database_not_found", "busy"},
}


class Writer:
    def __init__(self, world, name):
        self.world, self.name, self.rng = world, name, world.chance(name)
        self.http = Http(world.port)
        # Of each database: its latest sequence, and a point with its series.
        self.seqs, self.points, self.number = dict.fromkeys(DATABASES, 1), {}, 0
        self.stopped = False

    async def run(self):
        """Until it is told to stop; what was begun is done."""
        while not self.stopped:
            db = self.rng.choices(DATABASES, [4, 1, 1])[0]
            await self.rng.choices(WRITES, [weight for _, weight in WEIGHTS])[0](self, db)
            await asyncio.sleep(self.world.pace)
        self.http.close()

    async def send(self, method, db, path, body=None, query="", key=True):
        """Sends it until it is answered, as clients do with a key."""
        self.number += 1
        durability = self.rng.choices(["sync", "interval", "none"], [6, 1, 1])[0]
        fields = [f"idempotency-key: {self.name}-{self.number}"] if key else []
        if key and isinstance(body, dict) and "features" not in body and self.rng.random() < 0.7:
            body = {**body, "provenance": {"agent": self.name, "n": self.number}}
        begun, refusal = asyncio.get_running_loop().time(), None
        while True:
            if asyncio.get_running_loop().time() - begun > 300:
                raise Fault(f"{self.name}: no answer to {method} {db}{path} in five minutes, at last: {refusal}")
            try:
                query_string = f"?durability={durability}{query}" if key else ""
                status, answer = await self.http.call(method, f"{ROOT}/{db}{path}{query_string}", body, fields)
            except Gone as gone:
                if not key:
                    return None
                refusal = gone
                await asyncio.sleep(0.1)
                continue
            if status < 300:
                self.world.counts["writes"] += 1
                self.note(db, answer, durability)
                return answer
            known = REFUSALS.get(status, ())
            if known is not None and answer["code"] not in known:
                raise Fault(f"{self.name}: {method} {path} {body}: {answer}")
            if status == 503 or answer["code"] == "database_not_found":
                if not key:
                    return None
                refusal = answer
                await asyncio.sleep(0.05)
                continue
            return None

    def note(self, db, answer, durability):
        seq = answer.get("seq") or answer.get("last_seq")
        if not seq:
            return
        self.seqs[db] = max(self.seqs[db], seq)
        first = answer.get("first_seq", seq)
        if durability == "sync" and "hash" in answer and "tree_size" not in answer:
            self.world.acknowledged.append((db, first, answer["hash"]))
        if durability == "sync":
            self.world.acknowledged.append((db, seq, None))

    def recent(self, db):
        return max(1, self.seqs[db] - self.rng.randrange(60))

    def id(self):
        return self.rng.choice(filters.IDS)

    def series(self):
        return self.rng.choice(filters.SERIES)

    def times(self, count):
        """Late and early, some of them twice."""
        return [1_700_000_000_000_000 + self.rng.randrange(1_000) * 1_000_000 for _ in range(count)]

    ## What there is to write

    async def put(self, db):
        id = self.id()
        await self.send("PUT", db, f"/features/{id}", filters.feature(self.rng, id))

    async def many(self, db):
        features = [filters.feature(self.rng, self.id()) for _ in range(self.rng.randrange(2, 30))]
        await self.send("POST", db, "/features", {"type": "FeatureCollection", "features": features}, "&on_duplicate=replace")

    async def patch(self, db):
        properties = {"n": self.rng.choice([None, 2, 4]), "kind": self.rng.choice(filters.KINDS)}
        await self.send("PATCH", db, f"/features/{self.id()}", {"properties": properties})

    async def delete(self, db):
        await self.send("DELETE", db, f"/features/{self.id()}")

    async def columns(self, db):
        series, times = self.series(), self.times(self.rng.randrange(1, 20))
        body = {"series_id": series, "timestamps": times, "values": [time % 7 / 2 for time in times]}
        query = self.rng.choice(["", "&on_duplicate=replace", "&on_duplicate=ignore"])
        answer = await self.send("POST", db, "/timeseries", body, query)
        if answer and answer.get("inserted"):
            self.points[db] = (series, f"pt_{answer['first_seq']}_0")

    async def point(self, db):
        series = self.series()
        answer = await self.send("POST", db, "/timeseries", {"series_id": series, "timestamp": self.times(1)[0], "value": 1.5})
        if answer and "point_id" in answer:
            self.points[db] = (series, answer["point_id"])

    async def points_of_many(self, db):
        points = [{"series_id": self.series(), "timestamp": time, "value": 2} for time in self.times(8)]
        await self.send("POST", db, "/timeseries", {"points": points})

    async def correct(self, db):
        if db in self.points:
            series, id = self.points.pop(db)
            await self.send("PUT", db, f"/timeseries/{quote(series, safe='')}/points/{id}", {"value": 9})

    async def replace_range(self, db):
        times = [1_700_000_100_000_000 + n * 1_000_000 for n in range(4)]
        await self.send("PUT", db, f"/timeseries/{quote(self.series(), safe='')}", {"timestamps": times, "values": [1, 2, 3, 4]},
                        "&start=1700000100000000&end=1700000200000000")

    async def delete_points(self, db):
        start = self.times(1)[0]
        await self.send("DELETE", db, f"/timeseries/{quote(self.series(), safe='')}", query=f"&start={start}&end={start + 60_000_000}")

    async def attributes(self, db):
        await self.send("PUT", db, f"/timeseries/{quote(self.series(), safe='')}/attributes", {"unit": self.rng.choice(["Cel", "K"])})

    async def defaults(self, db):
        await self.send("PATCH", db, "", {"on_duplicate": self.rng.choice(["keep", "replace"])})

    async def revert(self, db):
        await self.send("POST", db, f"/blocks/{self.recent(db)}/revert", {}, self.rng.choice(["", "&partial=true"]))

    async def reverts(self, db):
        await self.send("POST", db, "/reverts", {"transaction": self.recent(db)})

    async def restore(self, db):
        await self.send("POST", db, f"/blocks/{self.recent(db)}/restore", {})

    async def transaction(self, db):
        begun = await self.send("POST", db, "/transactions", {}, key=False)
        if begun is None:
            return
        path = f"/transactions/{begun['transaction_id']}"
        operations = [{"op": "put_feature", "feature": filters.feature(self.rng, self.id())} for _ in range(3)]
        operations.append({"op": "put_points", "points": {"series_id": self.series(), "timestamps": self.times(3), "values": [1, 2, 3]}})
        if await self.send("POST", db, path + "/operations", {"operations": operations}, key=False) is not None:
            await self.send("POST", db, path + "/commit", key=False)


WEIGHTS = [
    (Writer.put, 30), (Writer.many, 6), (Writer.patch, 10), (Writer.delete, 8), (Writer.columns, 12), (Writer.point, 6),
    (Writer.points_of_many, 4), (Writer.correct, 4), (Writer.replace_range, 2), (Writer.delete_points, 4),
    (Writer.attributes, 3), (Writer.defaults, 1), (Writer.revert, 10), (Writer.reverts, 3), (Writer.restore, 3), (Writer.transaction, 4),
]
WRITES = [write for write, _ in WEIGHTS]
