"""Who asks for something, once it is known who calls."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Owner:
    """The user that something new will belong to, and the key of the request."""

    user_id: str
    key_id: str


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Works on what is there, by a key. `user_id` is the one end user whose things it sees; without, everybody's."""

    key_id: str
    user_id: str | None

    def on_behalf_of(self, user_id: str) -> Owner:
        return Owner(user_id=user_id, key_id=self.key_id)
