"""How an end user may be called: the developer's own identifier, in exactly one spelling."""

import unicodedata
from typing import Final

MAX_USER_LENGTH: Final = 200


def user_id_error(user_id: str) -> str | None:
    """What is wrong with it: two spellings that look alike would be two users, and none would be everybody."""
    if not 0 < len(user_id) <= MAX_USER_LENGTH or not user_id.isprintable():
        return f"Must be 1 to {MAX_USER_LENGTH} printable characters."
    if user_id != user_id.strip():
        return "Must not begin or end with a space."
    if not unicodedata.is_normalized("NFC", user_id):
        return "Must be in Unicode's normal form C."
    return None
