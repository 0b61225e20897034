"""Followers over server-sent events, and by requests that wait."""

import asyncio
import json
from urllib.parse import urlencode

from filters import Filter, Query, random_filter, random_query
from told import Fault, Told
from wire import Connection, Gone, Http
from world import ROOT, Restless


class EventSource:
    """What a browser's does: it asks again with the last `id` that it had."""

    def __init__(self, world, name, db):
        self.world, self.name, self.rng = world, name, world.chance(name)
        self.told = Told(f"{name}, server-sent events, {db}", db, world.texts)
        world.followed.append(self.told)
        self.restless = Restless(world, self.rng, 4)
        self.proof = self.rng.random() < 0.1
        self.log = None
        self.another_filter()
        self.begins_at = self.rng.choice([None, 0, 0])

    def another_filter(self):
        """With one it is another stream, which begins where the last one had come to."""
        self.words, self.begins_at, self.last_id = random_filter(self.rng, several=False), self.told.since, None
        self.begins_with, self.head = self.told.hash, self.proof and self.told.head

    async def run(self):
        while not self.world.at_head(self.told):
            try:
                await self.session()
            except Gone:
                self.world.counts["connections lost"] += 1
            await self.restless.pause()

    def path(self):
        query = []
        for name, value in self.words.items():
            if name == "geometry":
                query.append((name, json.dumps(value)))
            elif name.startswith("prop.") and isinstance(value, list):
                query += [(name, one) for one in value]
            else:
                query.append((name, ",".join(map(str, value)) if isinstance(value, list) else value))
        if self.begins_at is not None:
            query.append(("since", self.begins_at))
            if self.begins_with and self.log:
                query += [("log", self.log), ("hash", self.begins_with)]
        if self.proof:
            query.append(("proof", "true"))
        if self.head:
            query += self.head.items()
        return f"{ROOT}/{self.told.db}/journal/stream?{urlencode(query)}"

    async def session(self):
        if self.log is None:
            self.log = (await once(self.world.port, f"{ROOT}/{self.told.db}")).get("log")
        connection = await Connection.open(self.world.port)
        abandoned = False
        try:
            fields = ["accept: text/event-stream"]
            if self.last_id is not None:
                fields.append(f"last-event-id: {self.last_id}")
            await connection.request("GET", self.path(), fields=fields)
            status, answered = await connection.head()
            # Any other status would end a browser's for good.
            if status != 200:
                raise Fault(f"{self.told.name}: {status} {await connection.body(answered)}")
            abandoned = await self.stream(connection)
        finally:
            if not abandoned:
                connection.close()

    async def stream(self, connection):
        self.lines, self.first = bytearray(), True
        now = asyncio.get_running_loop().time
        next_act = self.restless.next()
        while not self.world.at_head(self.told):
            if now() >= next_act and self.world.heads is None:
                kind = self.rng.random()
                if kind < 0.35:
                    await self.restless.disconnect(connection)
                    return True
                if kind < 0.6:
                    self.another_filter()
                    self.world.counts["other streams"] += 1
                    return False
                await self.restless.slow()
                next_act = self.restless.next()
            try:
                async with asyncio.timeout(0.2):
                    part = await connection.chunk()
            except TimeoutError:
                continue
            if not part:
                raise Gone("ended")
            self.lines += part
            *events, rest = self.lines.split(b"\n\n")
            self.lines = bytearray(rest)
            for event in events:
                self.event(bytes(event))
        return False

    def event(self, text):
        told, fields = self.told, {}
        for line in text.split(b"\n"):
            name, _, value = line.partition(b": ")
            fields[name] = value
        name, id = fields.get(b"event"), fields.get(b"id")
        if id is not None:
            id = self.last_id = int(id)
        if name == b"waiting":
            self.world.counts["streams that waited for a database"] += 1
        elif name == b"begun" or self.first and id is None and name is None:
            # It says the same once more; and that the connection lives.
            pass
        elif self.first:
            self.begun(id)
        elif name == b"consistency":
            told.grown(self.head, json.loads(fields[b"data"]))
            self.world.counts["proofs that a journal was only added to"] += 1
        elif name == b"journal_event":
            told.event(fields[b"data"])
            if id != told.last:
                raise Fault(f"{told.name}: event {told.last} has the id {id}")
        elif name == b"lagging":
            self.world.counts["told that they lag"] += 1
        elif name == b"closed":
            reason = json.loads(fields[b"data"])["reason"]
            if reason != "database_closed":
                raise Fault(f"{told.name}: {reason}")
        elif name not in (None, b"live"):
            raise Fault(f"{told.name}: {text}")
        elif id is not None:
            told.has_all(id)

    def begun(self, id):
        if id is None:
            raise Fault(f"{self.told.name}: it does not say where it begins")
        asked = self.told.since
        if asked is not None and id != asked:
            raise Fault(f"{self.told.name}: it begins after {id}, not {asked}")
        self.first = False
        self.told.begins(id, Filter(self.words))
        self.world.counts["subscriptions"] += 1


class Waiter:
    """Asks for what is new, and waits for it."""

    def __init__(self, world, name, db):
        self.world, self.name, self.rng = world, name, world.chance(name)
        self.told = Told(f"{name}, requests that wait, {db}", db, world.texts)
        world.followed.append(self.told)
        self.restless = Restless(world, self.rng, 6)
        self.words = random_query(self.rng)
        self.told.begins(0, Query(self.words))

    async def run(self):
        while not self.world.at_head(self.told):
            try:
                await self.session()
            except Gone:
                self.world.counts["connections lost"] += 1
            await self.restless.pause()

    async def session(self):
        told, connection = self.told, await Connection.open(self.world.port)
        now = asyncio.get_running_loop().time
        next_act = self.restless.next()
        abandoned = False
        try:
            while not self.world.at_head(told):
                finishing = self.world.heads is not None
                acts = now() >= next_act and not finishing
                if acts and self.rng.random() < 0.5:
                    # The same from where it is with another filter.
                    self.words = random_query(self.rng)
                    told.begins(told.since, Query(self.words))
                    self.world.counts["subscriptions"] += 1
                    next_act, acts = self.restless.next(), False
                query = {**self.words, "since": told.since, "wait": 0 if finishing else self.rng.randrange(1, 4)}
                if self.rng.random() < 0.3:
                    query["limit"] = self.rng.randrange(1, 50)
                await connection.request("GET", f"{ROOT}/{told.db}/journal?{urlencode(query)}")
                if acts:
                    await self.restless.disconnect(connection)
                    abandoned = True
                    return
                status, answered = await connection.head()
                page = json.loads(await connection.body(answered))
                if status != 200:
                    if page["code"] not in ("database_not_found", "database_opening", "database_closed", "busy"):
                        raise Fault(f"{told.name}: {page}")
                    raise Gone("refused")
                told.entries(page["entries"])
                if page["next"] is not None:
                    told.has_all(page["next"])
                elif finishing:
                    told.has_all(self.world.heads[told.db])
        finally:
            if not abandoned:
                connection.close()


async def once(port, path):
    http = Http(port)
    try:
        return (await http.call("GET", path))[1]
    finally:
        http.close()
