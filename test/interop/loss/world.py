"""What all clients of a run share: the server's address, chance, what is counted, and whether it comes to its end."""

import asyncio
import random
from collections import Counter

from told import Texts

DATABASES = ["world", "harbour", "river"]
ROOT = "/api/v1/databases"


class World:
    def __init__(self, port, seed):
        self.port, self.seed = port, seed
        self.counts, self.longest_start = Counter(), 0
        self.texts = Texts()
        self.followed = []
        # The head of each database, once nothing is written any more.
        self.heads = None
        # Connections that nobody reads any more, and nobody has closed.
        self.abandoned = []
        self.acknowledged = []
        # Seconds between two writes of one writer.
        self.pace = 0.002

    def chance(self, name):
        """Decided by the seed, and by whose it is alone."""
        return random.Random(f"{self.seed} {name}")

    def abandon(self, connection):
        self.abandoned.append(connection)
        self.counts["half-open"] += 1

    def at_head(self, told):
        """Whether one has been told of everything there is and will be."""
        return self.heads is not None and told.since is not None and told.since >= self.heads[told.db]


class Restless:
    """When one does what next, with its connection or its reading."""

    def __init__(self, world, rng, calm):
        self.world, self.rng = world, rng
        # Every so many seconds on average.
        self.calm = calm

    def next(self):
        loop = asyncio.get_running_loop()
        return loop.time() + self.rng.expovariate(1 / self.calm)

    async def pause(self):
        """Before it tries again."""
        await asyncio.sleep(0.05 + self.rng.random() * (0.4 if self.world.heads is None else 0.05))

    async def disconnect(self, connection):
        """In one of the ways in which connections end."""
        how = self.rng.choice(["close", "close", "reset", "half-open"]) if self.world.heads is None else "close"
        self.world.counts["disconnects"] += 1
        if how == "half-open":
            self.world.abandon(connection)
        elif how == "reset":
            self.world.counts["resets"] += 1
            connection.reset()
        else:
            connection.close()

    async def slow(self):
        """Reads nothing for a while."""
        self.world.counts["pauses"] += 1
        until = asyncio.get_running_loop().time() + self.rng.uniform(1, 4)
        while self.world.heads is None and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(0.2)
