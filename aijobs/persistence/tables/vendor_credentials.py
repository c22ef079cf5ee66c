"""How the credentials of vendors stand, for all processes."""

from datetime import datetime

from sqlmodel import Field, SQLModel


class VendorCredentialRow(SQLModel, table=True):
    """The circuit breaker of a credential that something was wrong with. `pause` in seconds."""

    __tablename__ = "vendor_credential"

    credential: str = Field(primary_key=True, max_length=100)
    state: str = Field(max_length=20)
    failures: int
    reason: str | None = Field(default=None, max_length=500)
    is_blocked: bool
    since: datetime | None = None
    until: datetime | None = None
    pause: float
