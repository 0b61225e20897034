"""What differs between the two ways of calling, beside async and await."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import anyio

T = TypeVar("T")


async def asleep(seconds: float) -> None:
    await anyio.sleep(seconds)


def sleep(seconds: float) -> None:
    time.sleep(seconds)


async def athread(work: Callable[[], T]) -> T:
    """Work that takes long, beside the event loop."""
    return await anyio.to_thread.run_sync(work)


def thread(work: Callable[[], T]) -> T:
    return work()
