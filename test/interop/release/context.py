"""What the builder of a container is given of the project: its files, less those that .dockerignore names."""

import re
import shutil
import subprocess


class Ignored:
    """The patterns of a .dockerignore. Of its syntax only what is used: no exceptions, no classes."""

    def __init__(self, text):
        lines = [line.strip() for line in text.splitlines()]
        patterns = [line for line in lines if line and not line.startswith("#")]
        for pattern in patterns:
            if re.search(r"[!\[\\]|^/|/$", pattern):
                raise ValueError(f".dockerignore: {pattern} is of a form that is not known here")
        self.matches = re.compile("|".join(f"(?:{expression(pattern)})" for pattern in patterns)).fullmatch

    def __contains__(self, path):
        """Whether it is left out, by itself or with a folder that it is in."""
        parts = path.split("/")
        return any(self.matches("/".join(parts[:n])) for n in range(1, len(parts) + 1))


def expression(pattern):
    """Counted from the root, as Docker has it; `**/` is any number of folders, `*` is within one name."""
    parts = re.split(r"(\*\*/|\*)", pattern)
    return "".join({"**/": "(?:.*/)?", "*": "[^/]*"}.get(part, re.escape(part)) for part in parts)


def listed(project, *options):
    out = subprocess.run(["git", "ls-files", "-z", *options], cwd=project, check=True, capture_output=True).stdout
    return [name for name in out.decode().split("\0") if name and (project / name).exists()]


def copy(project, folder):
    """
    Copies what the builder is given, with the times of the files, by which Cargo goes. What git ignores is none of
    it: that a .dockerignore leaves it out is said by `unwanted`.
    """
    ignored = Ignored((project / ".dockerignore").read_text())
    for name in listed(project, "--cached", "--others", "--exclude-standard"):
        if name not in ignored:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(project / name, folder / name)


def unwanted(project):
    """What git ignores here, and the builder is given all the same."""
    ignored = Ignored((project / ".dockerignore").read_text())
    names = listed(project, "--others", "--ignored", "--exclude-standard", "--directory")
    return [name for name in names if name.rstrip("/") not in ignored]
