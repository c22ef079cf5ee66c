"""Templates and rows, as a generation needs them: the port `TemplateSource` over our tables."""

from collections.abc import Sequence

from aijobs.domain.documents.templates import Row, Template
from aijobs.domain.errors import JobIsFinal
from aijobs.persistence.database import Database
from aijobs.persistence.documents.rows import RowsOrigin, write_rows
from aijobs.persistence.documents.templates import template_of
from aijobs.persistence.jobs import gate


class DatabaseTemplateSource:
    """Implements TemplateSource."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def template(self, template_id: str, version: int | None = None) -> Template:
        async with self._database.read() as session:
            return await template_of(session, template_id, version)

    async def keep_rows(self, job_code: str, template: Template, rows: Sequence[Row]) -> None:
        async with self._database.write() as session:
            job = await gate.locked_job(session, job_code)
            if job.job_status.is_final:
                raise JobIsFinal(f"{job_code} has ended: {job.job_status.name}.")
            origin = RowsOrigin(
                template_id=template.id, template_version=template.version, source=job_code, user_id=job.user_id
            )
            await write_rows(session, origin, rows)
