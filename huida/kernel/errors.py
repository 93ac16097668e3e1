"""Errors with a status and a stable code; people's texts are chosen from the code (RFC 9457 body)."""

from collections.abc import Mapping
from typing import Any


class AppError(Exception):
    """A refusal that the caller can understand and act on.

    `code` is stable and public (`ledger.insufficient_balance`), `params` fill the text of that code, and `where`
    names the offending field or row (`items/3/amount_fen`). Nothing secret may be put in `params`.
    """

    status: int = 400
    code: str = "app.error"

    def __init__(self, *, code: str | None = None, where: str | None = None, **params: Any) -> None:
        if code is not None:
            self.code = code
        self.where = where
        self.params: Mapping[str, Any] = params
        super().__init__(self.code, where, params)


class Invalid(AppError):
    """The input is wrong: what and where is said."""

    status = 422
    code = "request.invalid"


class NotFound(AppError):
    """No such thing in this tenant."""

    status = 404
    code = "request.not_found"


class Conflict(AppError):
    """The state of the thing does not allow this."""

    status = 409
    code = "request.conflict"


class Unauthenticated(AppError):
    """Nobody we know."""

    status = 401
    code = "auth.required"


class Forbidden(AppError):
    """Known, but not allowed to."""

    status = 403
    code = "auth.forbidden"


class TooMany(AppError):
    """Asked too often; `retry_after_s` says when again."""

    status = 429
    code = "request.too_many"


class TooLarge(AppError):
    """The body is larger than this door takes."""

    status = 413
    code = "request.too_large"


class WrongState(Conflict):
    """A move that the state table does not allow."""

    code = "state.wrong"


def move(current: str, target: str, moves: Mapping[str, frozenset[str]]) -> str:
    """Return `target` when the table allows it; raise `WrongState(from, to)` when not."""
    if target not in moves.get(current, frozenset()):
        raise WrongState(current=current, target=target)
    return target
