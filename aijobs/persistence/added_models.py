"""Models that were added to an installation, shared by all its processes through the database."""

import re
from collections.abc import Iterable
from typing import Any, Final

from sqlmodel import Session, col, select

from aijobs.domain.catalogue import AddedModel, Catalogue, Model
from aijobs.domain.errors import NotFound
from aijobs.domain.values.audit import Act, ActKind
from aijobs.persistence.audit_log import record
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database
from aijobs.persistence.tables import AddedModelRow

_NUMBER: Final = re.compile(r"_v(\d{1,9})$")


async def load_added(database: Database, catalogue: Catalogue) -> None:
    """Let the catalogue know the added models as they are now. Those that it knows are not read again."""
    known = catalogue.added
    catalogue.include(await database.read(added_models, known=dict(known)))


def added_models(session: Session, known: dict[str, AddedModel] | None = None) -> list[AddedModel]:
    """All of them, the removed ones too. Of those in `known`, the definition is not read."""
    known = known or {}
    brief = select(AddedModelRow.model_id, AddedModelRow.removed_at).order_by(col(AddedModelRow.create_time))
    rows = session.exec(brief).all()
    new = [model_id for model_id, _ in rows if model_id not in known]
    read = {row.model_id: _model(row) for row in session.exec(_of(new))} if new else {}
    models = read | {model_id: added.model for model_id, added in known.items()}
    return [AddedModel(model=models[id_], is_removed=removed is not None) for id_, removed in rows if id_ in models]


def know_models(session: Session, catalogue: Catalogue, model_ids: Iterable[str]) -> None:
    """Let the catalogue know these models, which another process may have added."""
    if any(model_id not in catalogue for model_id in model_ids):
        catalogue.include(added_models(session, dict(catalogue.added)))


def model_of(session: Session, catalogue: Catalogue, model_id: str) -> Model:
    """A model that another process may have added. Raises UnknownModel."""
    know_models(session, catalogue, {model_id})
    return catalogue.model(model_id)


def add_model(
    session: Session, catalogue: Catalogue, definition: dict[str, Any], *, added_by: str
) -> tuple[Model, bool]:
    """Add a model under the next free id `<model_code>_v<n>`. Returns it, and whether it is new.

    An equal definition that was added before is returned instead, and used again if it was removed.
    """
    code = definition["model_code"]
    numbers = [0, *(number for model in catalogue if (number := _number_of(model.model_id, code)))]
    for row in session.exec(select(AddedModelRow).with_for_update()):
        if (number := _number_of(row.model_id, code)) is None:
            continue
        if {**row.definition, "model_id": None} == {**_document(definition, row.model_id), "model_id": None}:
            is_new, row.removed_at, row.removed_by = row.removed_at is not None, None, None
            if is_new:
                record(session, _added(row))
            return _model(row), is_new
        numbers.append(number)
    model_id = f"{code}_v{max(numbers) + 1}"
    row = AddedModelRow(model_id=model_id, definition=_document(definition, model_id), create_by=added_by)
    session.add(row)
    record(session, _added(row))
    return _model(row), True


def remove_model(session: Session, model_id: str, *, removed_by: str) -> None:
    """It takes no new jobs from now on. Raises NotFound."""
    row = session.get(AddedModelRow, model_id, with_for_update=True)
    if row is None or row.removed_at is not None:
        raise NotFound("There is no such model among those that were added.")
    row.removed_at, row.removed_by = now(), removed_by
    record(session, Act(kind=ActKind.MODEL_REMOVED, target=model_id))


def _added(row: AddedModelRow) -> Act:
    after = {name: row.definition.get(name) for name in ("source", "model_version", "unit_point", "output_kind")}
    return Act(kind=ActKind.MODEL_ADDED, target=row.model_id, after=after)


def _of(model_ids: list[str]) -> Any:
    return select(AddedModelRow).where(col(AddedModelRow.model_id).in_(model_ids))


def _number_of(model_id: str, code: str) -> int | None:
    found = _NUMBER.search(model_id)
    return int(found[1]) if found and model_id[: found.start()] == code else None


def _document(definition: dict[str, Any], model_id: str) -> dict[str, Any]:
    """As it is stored. Durations are numbers of seconds, statuses numbers."""
    return Model.model_validate({**definition, "model_id": model_id}).model_dump(mode="json", exclude_defaults=True)


def _model(row: AddedModelRow) -> Model:
    return Model.model_validate(row.definition)
