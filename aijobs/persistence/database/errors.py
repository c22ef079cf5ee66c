"""What errors of the databases mean: it cannot be used now, or cannot store a value."""

from sqlalchemy.exc import DBAPIError

from aijobs.domain.errors import DatabaseUnavailable
from aijobs.persistence.database import postgresql, sqlite
from aijobs.persistence.database.storable import refusal


def unavailability(error: BaseException) -> DatabaseUnavailable | None:
    """DatabaseUnavailable, where an error means that the database cannot be used now; None for bugs of ours."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if cause is None:
        return None
    reason = sqlite.unavailable_reason(cause) or postgresql.unavailable_reason(cause)
    return DatabaseUnavailable(f"The database cannot be used: {reason}.") if reason else None


def translated(error: BaseException) -> BaseException:
    """The same error, or a DatabaseUnavailable or BadInput that it means."""
    meaning = unavailability(error) or refusal(error)
    if meaning is None:
        return error
    if meaning.__cause__ is None:
        meaning.__cause__ = error if meaning is not error else None
    return meaning
