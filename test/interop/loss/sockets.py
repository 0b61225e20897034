"""Followers over WebSockets: both versions of the protocol, and its binary messages."""

import asyncio
import json

from filters import Filter, random_filter
from told import Fault, Told
from wire import BINARY, CLOSE, TEXT, Gone, client_message, frame, frames, server_message, websocket
from world import Restless

HEARTBEAT_S = 3
# For answers; a server that starts or falls behind may take some seconds.
PATIENCE_S = 60
# Of a connection on which nothing was said for too long, as by a client that was not given the processor.
CLOSES = [1002]


class Channel:
    """One topic of a socket. Its words are those of the next join, too."""

    def __init__(self, told, rng):
        self.told, self.rng = told, rng
        self.topic = f"journal:{told.db}"
        self.words = random_filter(rng)
        self.proof = rng.random() < 0.15
        # How it keeps where it was.
        self.marks_live = rng.random() < 0.5
        self.log = None
        self.leave()

    def leave(self):
        """It is not joined, nor about to be."""
        self.state, self.join_ref, self.received, self.asked = "out", None, 0, {}

    def params(self):
        told, rng = self.told, self.rng
        self.since = told.since
        since = told.since
        if since is None:
            since = rng.choice([None, 0, 0, {"seq": 0}])
        elif self.proof and told.head:
            since = {"seq": since, "head": told.head}
        elif rng.random() < 0.5:
            since = {"seq": since, "log": self.log} | ({"hash": told.hash} if told.hash else {})
        self.head = since.get("head") if isinstance(since, dict) else None
        given = {"filter": self.words, "since": since} if self.words or rng.random() < 0.5 else {"since": since}
        return given | ({"proof": True} if self.proof else {})


class Socket:
    """A client of one connection at a time, with a channel for each of its databases."""

    def __init__(self, world, name, form, databases):
        self.world, self.name, self.form = world, name, form
        self.rng = world.chance(name)
        self.channels = {}
        for db in databases:
            told = Told(f"{name}, {form}, {db}", db, world.texts)
            world.followed.append(told)
            channel = Channel(told, self.rng)
            self.channels[channel.topic] = channel
        self.restless = Restless(world, self.rng, 3)
        self.refs = 0

    async def run(self):
        while not self.done():
            try:
                await self.session()
            except Gone:
                self.world.counts["connections lost"] += 1
            await self.restless.pause()

    def done(self):
        return all(self.world.at_head(channel.told) for channel in self.channels.values())

    async def session(self):
        version = "1.0.0" if self.form == "V1" else "2.0.0"
        fields = ["sec-websocket-protocol: phoenix"] if self.rng.random() < 0.3 else []
        connection = await websocket(self.world.port, f"/socket/websocket?vsn={version}", fields)
        self.connection, self.heads = connection, {}
        abandoned = False
        for channel in self.channels.values():
            channel.leave()
            self.join(channel)
        now = asyncio.get_running_loop().time
        next_act, next_heartbeat = self.restless.next(), now() + HEARTBEAT_S
        try:
            while not self.done():
                finishing = self.world.heads is not None
                if finishing:
                    self.ask_how_far()
                if now() >= next_heartbeat:
                    self.push("0", "phoenix", "heartbeat", {})
                    next_heartbeat = now() + HEARTBEAT_S
                if now() >= next_act and not finishing:
                    if await self.act():
                        abandoned = True
                        return
                    next_act = self.restless.next()
                self.check_patience(now())
                wait = 0.1 if finishing else max(min(next_act, next_heartbeat) - now(), 0.01)
                try:
                    async with asyncio.timeout(wait):
                        await connection.more()
                except TimeoutError:
                    continue
                for opcode, payload in frames(connection.buffer):
                    self.frame(opcode, payload)
        finally:
            if not abandoned:
                connection.close()

    async def act(self):
        """Something that clients do. True: the connection is another's, or nobody's."""
        kind = self.rng.random()
        channel = self.rng.choice(list(self.channels.values()))
        if kind < 0.2:
            await self.restless.disconnect(self.connection)
            return True
        if kind < 0.45:
            await self.restless.slow()
        elif channel.state == "in":
            if kind < 0.8:
                self.change(channel)
            elif kind < 0.9:
                self.call(channel, "get_info", {})
            elif self.form == "V1" or kind < 0.95:
                self.call(channel, "phx_leave", {})
                channel.state = "leaving"
            else:
                # Without a word of the join before, whose events are passed over from here on.
                self.heads.pop(channel.join_ref, None)
                self.join(channel)
        return False

    ## To the server

    def push(self, join_ref, topic, event, value):
        self.refs += 1
        ref = str(self.refs)
        if event == "phx_join":
            join_ref = ref
        if self.form == "V1":
            text = json.dumps({"topic": topic, "event": event, "payload": value, "ref": ref})
        elif self.form == "binary" and event != "heartbeat":
            self.connection.write(frame(BINARY, client_message(join_ref, ref, topic, event, value)))
            return ref
        else:
            text = json.dumps([None if event == "heartbeat" else join_ref, ref, topic, event, value])
        self.connection.write(frame(TEXT, text.encode()))
        return ref

    def join(self, channel):
        channel.leave()
        channel.state, channel.since_asked = "joining", asyncio.get_running_loop().time()
        channel.join_ref = self.push(None, channel.topic, "phx_join", channel.params())
        self.heads[channel.join_ref] = channel

    def call(self, channel, event, value):
        ref = self.push(channel.join_ref, channel.topic, event, value)
        channel.asked[ref] = (event, value, asyncio.get_running_loop().time())

    def change(self, channel):
        if any(event == "update_filter" for event, _, _ in channel.asked.values()):
            return
        words = random_filter(self.rng)
        self.call(channel, "update_filter", {"filter": words})

    def ask_how_far(self):
        for channel in self.channels.values():
            if channel.state == "in" and not channel.asked and not self.world.at_head(channel.told):
                self.call(channel, "get_info", {})

    def check_patience(self, now):
        for channel in self.channels.values():
            times = [at for _, _, at in channel.asked.values()]
            if channel.state == "joining":
                times.append(channel.since_asked)
            if times and now - min(times) > PATIENCE_S:
                raise Fault(f"{channel.told.name}: no answer for {PATIENCE_S} s: {channel.state}, {channel.asked}")

    ## From the server

    def frame(self, opcode, payload):
        if opcode == CLOSE:
            code = int.from_bytes(payload[:2], "big")
            if code not in CLOSES:
                raise Fault(f"{self.name}: closed with {code} {payload[2:]}")
            self.world.counts[f"closed with {code}"] += 1
            raise Gone("closed")
        if opcode == BINARY:
            self.message(*server_message(payload))
        elif self.form == "V1":
            self.text_of_first_version(payload)
        else:
            cut = payload.find(b',"journal_event",', 0, 300)
            if cut < 0:
                join_ref, ref, topic, event, value = json.loads(payload)
                self.message(join_ref, ref, topic, event, value)
            else:
                join_ref, ref, topic = json.loads(payload[:cut] + b"]")
                channel = self.heads.get(join_ref)
                if ref is not None or channel and topic != channel.topic:
                    raise Fault(f"{self.name}: {payload[:300]}")
                self.event(channel, payload[cut + 17:-1])

    def text_of_first_version(self, payload):
        begin = payload.find(b',"event":"journal_event","payload":', 0, 300)
        if begin < 0:
            message = json.loads(payload)
            # What ends a channel names its join so.
            join_ref = message["ref"] if message["event"] in ("phx_close", "phx_error") else None
            self.message(join_ref, message["ref"], message["topic"], message["event"], message["payload"])
        else:
            topic = json.loads(payload[:begin] + b"}")["topic"]
            if not payload.endswith(b',"ref":null}'):
                raise Fault(f"{self.name}: {payload[-100:]}")
            self.event(self.channels[topic], payload[begin + 35:-12])

    def event(self, channel, text):
        if channel is None:
            return
        if channel.state not in ("in", "leaving"):
            raise Fault(f"{channel.told.name}: an event while it is {channel.state}: {text[:200]}")
        channel.told.event(text)
        channel.received += 1

    def message(self, join_ref, ref, topic, event, value):
        if topic == "phoenix":
            return
        channel = self.channels[topic]
        if join_ref is not None and join_ref != channel.join_ref:
            # Of a join before.
            return
        if event == "phx_reply":
            self.answer(channel, ref, value["status"], value["response"])
        elif event in ("ok", "error"):
            self.answer(channel, ref, event, value)
        elif event == "lagging":
            self.world.counts["told that they lag"] += 1
        elif event in ("live", "position"):
            self.world.counts[f"events {event}"] += 1
            if channel.marks_live:
                channel.told.has_all(value["seq"])
        elif event == "phx_error" and value["reason"] == "database_closed":
            self.world.counts["channels ended by closing"] += 1
            self.heads.pop(channel.join_ref, None)
            channel.leave()
            asyncio.get_running_loop().call_later(0.1 + self.rng.random() / 4, self.again, channel, self.connection)
        else:
            raise Fault(f"{channel.told.name}: {event} {value}")

    def again(self, channel, connection):
        if channel.state == "out" and self.connection is connection and not connection.writer.is_closing():
            self.join(channel)

    def answer(self, channel, ref, status, value):
        told = channel.told
        if ref == channel.join_ref and channel.state == "joining":
            if status == "ok":
                self.joined(channel, value)
            elif value["reason"] in ("database_not_found", "database_opening", "database_closed", "too many joins", "busy"):
                self.world.counts[f"join refused: {value['reason']}"] += 1
                channel.leave()
                asyncio.get_running_loop().call_later(0.1 + self.rng.random() / 4, self.again, channel, self.connection)
            else:
                raise Fault(f"{told.name}: a join is refused: {value}")
            return
        if ref not in channel.asked:
            # Of a join before, in the first version of the protocol.
            return
        event, given, _ = channel.asked.pop(ref)
        if event == "phx_leave":
            self.heads.pop(channel.join_ref, None)
            self.join(channel)
        elif status == "error":
            if value["reason"] not in ("database_closed", "database_not_found"):
                raise Fault(f"{told.name}: {event} is refused: {value}")
        elif event == "update_filter":
            # What the old one decided on may still come.
            channel.words = given["filter"]
            told.changes(value["seq"], Filter(channel.words))
            self.world.counts["changes of filters"] += 1
        elif event == "get_info":
            # Once nothing is written any more, and all is decided, it counts no event that is under way.
            if self.world.heads and value["seq"] >= self.world.heads[told.db] and value["delivered"] != channel.received:
                raise Fault(f"{told.name}: {value}, after {channel.received} events up to {told.last}")
            # It is of the moment when it was asked for, and more may have come since.
            if value["seq"] >= told.last:
                told.has_all(value["seq"])

    def joined(self, channel, value):
        told = channel.told
        if channel.since is not None and value["seq"] != channel.since:
            raise Fault(f"{told.name}: begins after {value['seq']}, not {channel.since}")
        if channel.head:
            told.grown(channel.head, value.get("consistency"))
            self.world.counts["proofs that a journal was only added to"] += 1
        channel.state, channel.log = "in", value["log"]
        told.begins(value["seq"], Filter(channel.words))
        self.world.counts["subscriptions"] += 1
