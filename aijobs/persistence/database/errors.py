"""Which errors mean that the database cannot be used now."""

from sqlalchemy.exc import DBAPIError

from aijobs.domain.errors import DatabaseUnavailable
from aijobs.persistence.database import postgresql, sqlite


def unavailability(error: BaseException) -> DatabaseUnavailable | None:
    """DatabaseUnavailable, where an error means that the database cannot be used now; None for bugs of ours."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if cause is None:
        return None
    reason = sqlite.unavailable_reason(cause) or postgresql.unavailable_reason(cause)
    return DatabaseUnavailable(f"The database cannot be used: {reason}.") if reason else None


def translated(error: BaseException) -> BaseException:
    """The same error, or a DatabaseUnavailable that it caused."""
    unavailable = unavailability(error)
    if unavailable is None:
        return error
    unavailable.__cause__ = error
    return unavailable
