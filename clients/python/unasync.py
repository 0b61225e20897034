#!/usr/bin/env python3
"""Makes src/formdb/_sync, the client without async, of src/formdb/_async.

    unasync.py           writes it
    unasync.py --check   fails where it is not what this would write
"""

import re
import sys
from pathlib import Path

SOURCE = Path(__file__).parent / "src" / "formdb"
# Words in their whole, the longer ones first.
WORDS = {
    "async def": "def", "async with": "with", "async for": "for", "await ": "", "__aenter__": "__enter__",
    "__aexit__": "__exit__", "AsyncIterator": "Iterator", "AsyncClient": "Client", "AsyncBaseTransport": "BaseTransport",
    "asynccontextmanager": "contextmanager", "asleep": "sleep", "athread": "thread", "aclose": "close", "aread": "read",
    "aiter_bytes": "iter_bytes", "achunks": "iter",
}


def without_async(text: str) -> str:
    for word, other in WORDS.items():
        text = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)" if word[-1] != " " else rf"(?<!\w){re.escape(word)}", other, text)
    text = re.sub(r"\bAsync([A-Z]\w+)", r"\1", text)
    return re.sub(r"^from \.\._source import (.*)iter, ", r"from .._source import \1", text, flags=re.MULTILINE)


def main() -> int:
    wrong = []
    for path in sorted((SOURCE / "_async").glob("*.py")):
        made = SOURCE / "_sync" / path.name
        text = without_async(path.read_text())
        if path.name == "__init__.py":
            text = '"""The client without async. It is made of _async: see unasync.py. Do not edit."""\n'
        if "--check" in sys.argv[1:]:
            wrong += [str(made)] if not made.exists() or made.read_text() != text else []
        else:
            made.write_text(text)
    if wrong:
        print("run unasync.py: " + ", ".join(wrong), file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
