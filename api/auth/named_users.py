"""The end user whom a request names: in a header, in a form, or in its body."""

from typing import Final

from starlette.datastructures import FormData
from starlette.requests import HTTPConnection

from aijobs.domain.errors import FieldError, InvalidParameters
from aijobs.domain.values.user_ids import user_id_error

USER_HEADER: Final = "Aijobs-User"
USER_FIELD: Final = "user_id"


def checked_user(user: str, *, where: str = "/user_id") -> str:
    """The same user ID. Raises InvalidParameters with the pointer `where` when it is not valid."""
    if error := user_id_error(user):
        raise InvalidParameters("This cannot be a user.", FieldError(where, error))
    return user


def user_in_form(form: FormData) -> str | None:
    """The form's user ID, not yet validated. Raises InvalidParameters when there are two, or when it is a file."""
    match form.getlist(USER_FIELD):
        case []:
            return None
        case [str(value)]:
            return value
        case _:
            raise InvalidParameters("Who is meant?", FieldError(f"/{USER_FIELD}", "Send it once, as text."))


def named_in_header(connection: HTTPConnection) -> str | None:
    """The end user in the header, None without one. Raises InvalidParameters for an invalid or repeated header."""
    where = f"/header/{USER_HEADER}"
    match connection.headers.getlist(USER_HEADER):
        case []:
            return None
        case [value]:
            try:
                return checked_user(value.encode("latin-1").decode("utf-8"), where=where)
            except UnicodeDecodeError as undecodable:
                raise InvalidParameters("This cannot be a user.", FieldError(where, "Must be UTF-8.")) from undecodable
        case _:
            raise InvalidParameters("Two users are named.", FieldError(where, "Send it once."))
