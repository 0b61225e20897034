"""The pages of the book, read: what they have the reader do, in its order, and what they show."""

import json
import re
import shlex

from clients import PROJECT

# What is never the same twice, as FormdbHttp.Transcript has it.
MADE_UP = re.compile(r"[0-9a-f]{64}|[0-9a-f]{32}|(?<=cursor=)[\w-]+|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
# What … stands for in an answer that is read.
ANY = "…"


class Step:
    """A command of a `console` fence, or a fence of `python` or `sh` that is run; what it shows, or None."""

    def __init__(self, page, line, kind, code):
        self.place = f"{page}:{line}"
        self.kind, self.code, self.shown = kind, code, None if kind != "console" else ""

    @property
    def variable(self):
        return self.kind == "console" and re.fullmatch(r"[A-Z]+=\S+", self.code) is not None

    def open(self):
        return self.code.count("'") % 2 == 1 or self.code.endswith(("\\", "|"))


class Page:
    def __init__(self, path):
        self.path = path
        self.name = str(path.relative_to(PROJECT))
        self.text = path.read_text()
        self.steps = []
        self._read()

    def _read(self):
        fence, printing = None, None
        for number, line in enumerate(self.text.splitlines(), 1):
            if fence is None:
                opened = re.fullmatch(r"```(\w*)", line)
                if opened:
                    fence = opened.group(1)
                    if fence in ("python", "sh"):
                        self.steps.append(Step(self.name, number, fence, ""))
                    # What a text shows was printed by the fence before it.
                    printing = self.steps[-1] if fence == "text" else None
                    if printing is not None:
                        printing.shown = ""
            elif line == "```":
                fence = None
            elif fence in ("python", "sh"):
                self.steps[-1].code += line + "\n"
            elif fence == "text":
                printing.shown += line + "\n"
            elif fence == "console" and line.startswith("$ "):
                self.steps.append(Step(self.name, number, fence, line[2:]))
            elif fence == "console":
                step = self.steps[-1]
                if step.shown == "" and step.open():
                    step.code += "\n" + line
                else:
                    step.shown += line + "\n"
        # Commands of a shell that show nothing are for other machines than this one.
        self.steps = [step for step in self.steps if step.kind != "sh" or step.shown is not None]

    def command(self, part, nth=0):
        """The console command that has `part` in it, of several the nth."""
        found = [step for step in self.steps if step.kind == "console" and part in step.code]
        if nth >= len(found):
            raise LookupError(f"{self.name} has no command with {part!r}")
        return found[nth]

    def sent(self, part, nth=0):
        """The JSON that a command sends."""
        words = shlex.split(self.command(part, nth).code.replace("\\\n", ""))
        return json.loads(words[words.index("--json") + 1])

    def rows(self, part):
        """The table that a command makes with printf: its header and its rows."""
        words = shlex.split(self.command(part).code.replace("\\\n", ""))
        first = words.index("%s\\n") + 1
        table = []
        for word in words[first:]:
            if word in ("|", ">"):
                break
            table.append(word.split(","))
        return table[0], table[1:]


def answer(text):
    """The JSON of an answer as a page shows it; … is ANY, or a member of that name."""
    if text.startswith("HTTP/1.1 "):
        text = text.split("\n\n", 1)[1]
    text = re.sub(r"([:\[])…", rf'\1"{ANY}"', text)
    text = re.sub(r",(\s*)…(\s*\])", rf',\1"{ANY}"\2', text)
    text = re.sub(r"([,{]\s*)…(\s*\})", rf'\1"{ANY}":"{ANY}"\2', text)
    return json.loads(text)


def read():
    return [Page(path) for path in [*sorted((PROJECT / "docs/howto").glob("*.md")), PROJECT / "docs/TRUST.md"]]
