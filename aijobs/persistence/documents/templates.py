"""Templates: each save is a new version, and the versions before it stay, since jobs may have begun with them."""

from collections.abc import Mapping, Sequence

from sqlmodel import Session, col, select

from aijobs.domain.documents.sources import RowSources
from aijobs.domain.documents.template_files import TemplateFile
from aijobs.domain.documents.templates import Row, Template, TemplateDefinition
from aijobs.domain.errors import NotFound
from aijobs.domain.values.audit import Act, ActKind
from aijobs.persistence.audit_log import record
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database
from aijobs.persistence.documents.rows import RowsOrigin, write_rows
from aijobs.persistence.jobs import gate
from aijobs.persistence.paging import page_of
from aijobs.persistence.tables import TemplateRow, TemplateVersionRow

FROM_A_FILE = "file"  #: `create_by` of a version that came from a file


def template_of(session: Session, template_id: str, version: int | None = None) -> Template:
    """A template's newest version; or the named one, which stays readable after the template was deleted.

    Raises NotFound.
    """
    query = select(TemplateVersionRow).where(col(TemplateVersionRow.template_id) == template_id)
    if version is None:
        current = _row(session, template_id)
        if current is None or current.deleted:
            raise NotFound(f"There is no template {template_id!r}.")
        version = current.version
    row = session.exec(query.where(col(TemplateVersionRow.version) == version)).one_or_none()
    if row is None:
        raise NotFound(f"There is no version {version} of the template {template_id!r}.")
    return _template(row)


def templates_page(session: Session, *, after: str | None, limit: int) -> tuple[list[Template], bool]:
    """Up to `limit` templates by their id, those behind `after`, and whether there are more."""
    newest = (
        select(TemplateVersionRow)
        .join(TemplateRow, col(TemplateRow.id) == col(TemplateVersionRow.template_id))
        .where(col(TemplateRow.deleted).is_(False), col(TemplateVersionRow.version) == col(TemplateRow.version))
        .order_by(col(TemplateRow.id))
    )
    if after is not None:
        newest = newest.where(col(TemplateRow.id) > after)
    rows, more = page_of(session, newest, limit=limit)
    return [_template(row) for row in rows], more


def versions_page(session: Session, template_id: str, *, below: int | None, limit: int) -> tuple[list[Template], bool]:
    """Up to `limit` versions, newest first, and whether there are more. Raises NotFound."""
    if _row(session, template_id) is None:
        raise NotFound(f"There is no template {template_id!r}.")
    query = select(TemplateVersionRow).where(col(TemplateVersionRow.template_id) == template_id)
    if below is not None:
        query = query.where(col(TemplateVersionRow.version) < below)
    rows, more = page_of(session, query.order_by(col(TemplateVersionRow.version).desc()), limit=limit)
    return [_template(row) for row in rows], more


def save_template(
    session: Session, template_id: str, definition: TemplateDefinition, *, saved_by: str
) -> tuple[Template, bool]:
    """Save a template. Returns it, and whether it is a new version: an unchanged definition is not saved again."""
    current = session.get(TemplateRow, template_id, with_for_update=True)
    known = None
    if current is not None and not current.deleted:
        newest = template_of(session, template_id)
        known = _definition(newest)
        if known == definition:
            return newest, False
    if current is None:
        current = TemplateRow(id=template_id, version=0, create_by=saved_by)
        session.add(current)
        session.flush()
    current.version += 1
    current.deleted = False
    current.update_by, current.update_time = saved_by, now()
    row = TemplateVersionRow(
        template_id=template_id,
        version=current.version,
        definition=definition.model_dump(mode="json"),
        create_by=saved_by,
    )
    session.add(row)
    record(session, _saved(row, known, definition))
    return _template(row), True


def delete_template(session: Session, template_id: str, *, deleted_by: str) -> None:
    """Delete a template for new jobs; its versions stay for jobs that have begun. Raises NotFound."""
    row = session.get(TemplateRow, template_id, with_for_update=True)
    if row is None or row.deleted:
        raise NotFound(f"There is no template {template_id!r}.")
    row.deleted, row.update_by, row.update_time = True, deleted_by, now()
    record(session, Act(kind=ActKind.TEMPLATE_DELETED, target=template_id, before={"version": row.version}))


def _saved(row: TemplateVersionRow, known: TemplateDefinition | None, definition: TemplateDefinition) -> Act:
    """With the names of the fields that differ. Prompts belong to the operator: the versions have them."""
    after = {"version": row.version, "name": definition.name}
    if known is None:
        return Act(kind=ActKind.TEMPLATE_SAVED, target=row.template_id, after=after)
    differ = [name for name in TemplateDefinition.model_fields if getattr(known, name) != getattr(definition, name)]
    before = {"version": row.version - 1, "name": known.name}
    return Act(kind=ActKind.TEMPLATE_SAVED, target=row.template_id, before=before, after={**after, "changed": differ})


async def install_templates(database: Database, files: Mapping[str, TemplateFile]) -> None:
    """Save the templates of files. A file that is unchanged since the last call overrides no later change."""
    known = await database.read(_file_hashes)
    changed = [file for file in files.values() if known.get(file.template_id) != file.sha256]
    if changed:
        await database.write(_save_files, changed)


def _file_hashes(session: Session) -> dict[str, str | None]:
    return dict(session.exec(select(TemplateRow.id, TemplateRow.file_sha256)).all())


def _save_files(session: Session, files: Sequence[TemplateFile]) -> None:
    for file in files:
        save_template(session, file.template_id, file.definition, saved_by=FROM_A_FILE)
        row = session.get_one(TemplateRow, file.template_id)
        row.file_sha256 = file.sha256


class DatabaseTemplateSource:
    """Implements TemplateSource."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def template(self, template_id: str, version: int | None = None) -> Template:
        return await self._database.read(template_of, template_id, version)

    async def keep_rows(
        self, job_code: str, template: Template, rows: Sequence[Row], sources: Sequence[RowSources]
    ) -> None:
        def work(session: Session) -> None:
            job = gate.unfinished_job(session, job_code)
            origin = RowsOrigin(
                template_id=template.id, template_version=template.version, source=job_code, user_id=job.user_id
            )
            write_rows(session, origin, rows, sources)
            job.needs_review = template.review.asks_for(sources)

        await self._database.write(work)


def _row(session: Session, template_id: str) -> TemplateRow | None:
    return session.get(TemplateRow, template_id)


def _template(row: TemplateVersionRow) -> Template:
    """A version that was saved before there were quotations asks for none: they cost an answer's tokens."""
    definition = {"sources": False, **row.definition}
    return Template(id=row.template_id, version=row.version, create_time=row.create_time, **definition)


def _definition(template: Template) -> TemplateDefinition:
    return TemplateDefinition(**{name: getattr(template, name) for name in TemplateDefinition.model_fields})
