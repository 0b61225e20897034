"""FormDB: GeoJSON features and time series with provenance and a provable journal.

    import formdb

    with formdb.Client("http://127.0.0.1:4000") as client:
        db = client.create("air")
        db.features.put({"type": "Feature", "id": "mitte", "geometry": None, "properties": {"limit": 40}})
"""

from ._async.client import AsyncClient, AsyncDatabase
from ._async.transaction import AsyncTransaction
from ._models import Entry, Event, Feature, Info, Point, Progress, Reverted, Upload, Written
from ._retry import NEVER, Retry
from ._source import BadSource
from ._sync.client import Client, Database
from ._sync.transaction import Transaction
from .errors import (
    ApiError, BadAnswer, BadCall, BadRequest, ConfigError, Conflict, ConnectionFailed, Forbidden, FormDBError, NotFound, NotReplayable,
    PreconditionFailed, ServerError, TooManyRequests, Unauthorized, UploadFailed,
)

__all__ = [
    "NEVER", "ApiError", "AsyncClient", "AsyncDatabase", "AsyncTransaction", "BadAnswer", "BadCall", "BadRequest", "BadSource", "Client",
    "ConfigError", "Conflict", "ConnectionFailed", "Database", "Entry", "Event", "Feature", "Forbidden", "FormDBError",
    "Info", "NotFound", "NotReplayable", "Point", "PreconditionFailed", "Progress", "Retry", "Reverted", "ServerError",
    "TooManyRequests", "Transaction", "Unauthorized", "Upload", "UploadFailed", "Written",
]
