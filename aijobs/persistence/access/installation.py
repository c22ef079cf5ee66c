"""The id of an installation, which its database and its namespace of Temporal keep: two may not share a namespace."""

from sqlmodel import Session

from aijobs.domain.values.ids import new_id
from aijobs.persistence.tables import InstallationRow

THE_ONLY_ROW = 1


def known_installation_id(session: Session) -> str | None:
    """None before the first worker or API has started with this database."""
    row = session.get(InstallationRow, THE_ONLY_ROW)
    return row.installation_id if row else None


def installation_id(session: Session) -> str:
    """The id, which is made at the first call."""
    known = known_installation_id(session)
    if known is None:
        known = new_id("inst")
        session.add(InstallationRow(number=THE_ONLY_ROW, installation_id=known))
    return known
