"""The command `formdb`."""

from .main import main

__all__ = ["main"]
