"""Who asks for something, once it is known who calls."""

from dataclasses import dataclass

from aijobs.domain.values.scopes import Scope


@dataclass(frozen=True, kw_only=True)
class Owner:
    """The user that something new will belong to, and the key of the request.

    `lineage` is the first key of its rotations: a request that is sent again with its successor is the same request.
    """

    user_id: str
    key_id: str
    lineage: str = ""

    @property
    def name(self) -> str:
        """Whose idempotency keys count."""
        return f"{self.lineage or self.key_id}:{self.user_id}"


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Works on what is there, by a key. `user_id` is the one end user whose things it sees; without, everybody's."""

    key_id: str
    user_id: str | None
    lineage: str = ""

    def on_behalf_of(self, user_id: str) -> Owner:
        return Owner(user_id=user_id, key_id=self.key_id, lineage=self.lineage)


@dataclass(frozen=True, kw_only=True)
class Granter:
    """Who gives rights to others, or takes them: no more than the `scopes` that it has itself."""

    key_id: str
    scopes: frozenset[Scope]
