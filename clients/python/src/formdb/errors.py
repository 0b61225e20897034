"""What goes wrong, as exceptions. The server's refusals have its code, detail and pointer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._models import Upload


class FormDBError(Exception):
    """The base of everything that this package raises."""


class ConnectionFailed(FormDBError):
    """The server cannot be reached, or went away, and trying again did not help."""


class NotReplayable(FormDBError):
    """An upload broke off whose source cannot be read from its beginning again."""


class BadCall(FormDBError, ValueError):
    """What was given to a call cannot be sent; nothing was."""


class BadAnswer(FormDBError):
    """What came is not what a FormDB server answers with, or is larger than `max_answer_bytes`. `status` is that of HTTP."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class ConfigError(FormDBError):
    """The file of settings cannot be used."""


class ApiError(FormDBError):
    """The server refused a call.

    `code` is stable and what programs match on; `detail` is a sentence for people; `pointer` leads to the part
    of the body, or names the parameter. `errors` has all faults where there are several, and `members` the
    whole problem document (RFC 9457). `request_id` is found in the server's log.
    """

    def __init__(self, status: int, problem: Mapping[str, Any], *, request_id: str | None = None,
                 retry_after: float | None = None) -> None:
        self.status = status
        # What is of another kind is no member of a problem.
        texts = {name: value for name, value in problem.items() if isinstance(value, str)}
        self.code = texts.get("code", f"http_{status}")
        self.title = texts.get("title", "")
        self.detail = texts.get("detail") or self.title or f"the server answered {status}"
        self.pointer = texts.get("pointer")
        errors = problem.get("errors")
        self.errors: list[dict[str, Any]] = [*errors] if isinstance(errors, list) else []
        self.members = dict(problem)
        self.request_id = request_id
        self.retry_after = retry_after
        super().__init__(self._text())

    def _text(self) -> str:
        place = f" (at {self.pointer})" if self.pointer else ""
        more = f"; {len(self.errors) - 1} more in .errors" if len(self.errors) > 1 else ""
        return f"{self.code}: {self.detail}{place}{more}"


class BadRequest(ApiError):
    """400, 413, 415, 422 and the like: the call itself is wrong."""


class Unauthorized(ApiError):
    """401: there is no credential, or it is not valid."""


class Forbidden(ApiError):
    """403: the credential does not allow this."""


class NotFound(ApiError):
    """404. What is gone has `members["seq"]` and `members["time"]`, the block that deleted it."""


class Conflict(ApiError):
    """409: somebody else wrote first, a point is there already, or a block cannot be undone."""


class PreconditionFailed(ApiError):
    """412: the feature is not at the version that the call expects."""


class TooManyRequests(ApiError):
    """429: ask again after `retry_after` seconds."""


class ServerError(ApiError):
    """5xx: the server cannot do this, now or at all."""


class UploadFailed(ApiError):
    """An upload ended early. `written` is what stays; sending the same source again with the same key goes on."""

    def __init__(self, status: int, problem: Mapping[str, Any], written: Upload) -> None:
        super().__init__(status, problem)
        self.written = written


_BY_STATUS: dict[int, type[ApiError]] = {
    401: Unauthorized, 403: Forbidden, 404: NotFound, 409: Conflict, 412: PreconditionFailed, 429: TooManyRequests,
}


def error_of(status: int, problem: Mapping[str, Any], *, request_id: str | None = None,
             retry_after: float | None = None) -> ApiError:
    """The exception for an answer."""
    kind = _BY_STATUS.get(status, ServerError if status >= 500 else BadRequest)
    return kind(status, problem, request_id=request_id, retry_after=retry_after)
