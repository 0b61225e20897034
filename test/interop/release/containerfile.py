"""What the last stage of a Containerfile does, to be done without a container's engine."""

import json
import shlex

# What is said of the image, beside what its steps do.
KNOWN = {"RUN", "COPY", "ENV", "USER", "VOLUME", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD"}


class Stage:
    def __init__(self, text):
        instructions = list(read(text))
        last = max(at for at, (name, _) in enumerate(instructions) if name == "FROM")
        self.builder = [value for name, value in instructions[:last] if name == "RUN"]
        self.base = instructions[last][1]
        self.steps = []
        self.env, self.user, self.volume, self.port = {}, None, None, None
        self.health, self.entrypoint, self.command = None, None, None
        for name, value in instructions[last + 1:]:
            if name not in KNOWN:
                raise ValueError(f"{name} is not known here")
            self.take(name, value)

    def take(self, name, value):
        if name in ("RUN", "COPY"):
            self.steps.append((name, value))
        elif name == "ENV":
            self.env.update(pair.split("=", 1) for pair in shlex.split(value))
        elif name == "USER":
            self.user = [int(number) for number in value.split(":")]
        elif name == "VOLUME":
            self.volume = value
        elif name == "EXPOSE":
            self.port = int(value)
        elif name == "HEALTHCHECK":
            self.health = json.loads(value.split(" CMD ", 1)[1])
        elif name == "ENTRYPOINT":
            self.entrypoint = json.loads(value)
        else:
            self.command = json.loads(value)


def read(text):
    """Its instructions: a name, and the rest with its continued lines."""
    pending = ""
    for line in text.splitlines():
        if line.startswith("#") or not line.strip():
            continue
        pending += line.strip()
        if pending.endswith("\\"):
            pending = pending[:-1]
            continue
        name, _, value = pending.partition(" ")
        yield name.upper(), value.strip()
        pending = ""
