"""Templates, documents and photos by the clients."""

from pathlib import Path

import pytest
from aijobs_client import ApiError
from python_calamine import CalamineWorkbook

from aijobs.domain.documents.sources import CellSource, Mark
from aijobs.domain.documents.templates import Row
from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.documents.rows import RowsOrigin, write_rows
from tests.api.installation import UPSCALE, ApiUnderTest
from tests.api.pictures import picture
from tests.clients.conftest import AnyClient, OpenClient

DEFINITION = {
    "name": "Orders",
    "prompt": "阶段1 read\n阶段2 answer as JSON",
    "columns": [{"name": "number", "required": True}, {"name": "amount", "type": "number"}],
}


@pytest.fixture
async def keeper(api: ApiUnderTest, open_client: OpenClient) -> AnyClient:
    """A service key's client, which acts for nobody in particular."""
    return await open_client(url=api.url, key=api.http.headers["Authorization"].removeprefix("Bearer "))


async def test_a_template_is_kept(keeper: AnyClient, user: str) -> None:
    name = f"kept-{user}"
    preview = await keeper("preview_template", DEFINITION["prompt"])
    made = await keeper("save_template", name, DEFINITION)
    same = await keeper("save_template", name, DEFINITION)
    newer = await keeper("save_template", name, {**DEFINITION, "name": "All orders"})
    listed = await keeper("templates")
    versions = await keeper("template_versions", name)
    old = await keeper("template", name, version=made.version)
    await keeper("delete_template", name)

    assert [stage.number for stage in preview.stages] == [1, 2]
    assert (made.id, made.columns[1]["name"], made.prompt) == (name, "amount", DEFINITION["prompt"])
    assert same.version == made.version
    assert newer.version == made.version + 1
    assert old.name == "Orders"
    assert "sources" in old.model_extra
    assert [(one.name, one.columns) for one in listed if one.id == name] == [("All orders", ("number", "amount"))]
    assert [brief.version for brief in versions] == [newer.version, made.version]
    assert name not in {one.id for one in await keeper("templates")}


async def test_a_documents_table_is_extracted_read_and_saved(
    api: ApiUnderTest, keeper: AnyClient, ada: AnyClient, user: str, tmp_path: Path
) -> None:
    await keeper("save_template", "orders", DEFINITION)
    document = tmp_path / "order.txt"
    document.write_text("Order 1001, 12.50")

    upload = await ada("upload", document)
    estimate = await ada("estimate_document", "orders", upload)
    job = await ada("submit_document", "orders", upload)
    by_path = await ada("submit_document", "orders", document, idempotency_key="order-1001")
    repeated = await ada("submit_document", "orders", document, idempotency_key="order-1001")
    origin = RowsOrigin(template_id="orders", template_version=1, source=job.code, user_id=user)
    source = CellSource(quote="1001", page=1, box=None, marks=(Mark.CHANGED,), written="1001")
    values: list[Row] = [{"number": str(number), "amount": 12.5} for number in range(150)]
    await api.dependencies.database.write(write_rows, origin, values, [{"number": source}] * 150)
    rows = await ada("template_rows", "orders", source=job.code, with_sources=True)
    saved = await ada("save_rows", "orders", tmp_path / "rows.csv", source=job.code)
    excel = await ada("save_rows", "orders", tmp_path / "rows.xlsx", source=job.code)
    with pytest.raises(ValueError, match="does not end in"):
        await ada("save_rows", "orders", tmp_path / "rows.txt")
    with pytest.raises(ApiError) as early:
        await ada("review_document", job.code, [{"row": 1, "values": {"amount": 13}}], accept=True)
    await api.push(by_path.code, JobStatus.FAILED)
    await ada("delete_document", by_path.code)

    assert (job.model_id, job.user_id, by_path.code != job.code) == ("document_extract_v1", user, True)
    assert repeated.code == by_path.code
    assert estimate.questions >= 1
    assert [row.row_number for row in rows] == list(range(1, 151))
    assert (rows[0].values, rows[0].sources["number"]["quote"]) == ({"number": "0", "amount": 12.5}, "1001")
    assert len(saved.read_text("utf-8-sig").splitlines()) == 151
    assert len(CalamineWorkbook.from_path(excel).get_sheet_by_index(0).to_python()) == 151
    assert early.value.status == 409
    assert {one.code for one in await ada("jobs")} == {job.code}


async def test_a_photo_is_reviewed_listed_and_deleted(
    api: ApiUnderTest, ada: AnyClient, user: str, tmp_path: Path
) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(picture(320, 240))

    made = await ada("review_photo", path, idempotency_key="photo-1")
    repeated = await ada("review_photo", path, idempotency_key="photo-1")
    again = await ada("review_photo", await ada("upload", path))
    found = await ada("photo_review", made.code)
    listed = await ada("photo_reviews")
    with pytest.raises(ApiError) as refused:
        await ada("beautify_photo", made.code, UPSCALE, {"upscale_factor": 2})
    await api.push(made.job_code, JobStatus.FAILED)
    await ada("delete_photo_review", made.code)

    assert (made.user_id, made.width, made.height, made.analysis, made.overall) == (user, 320, 240, None, None)
    assert repeated.code == made.code
    assert [job.code for job in found.jobs] == [made.job_code]
    assert [review.code for review in listed] == [again.code, made.code]
    assert refused.value.status == 409
    assert await ada("beautified_photos", again.code) == []
    assert [review.code for review in await ada("photo_reviews")] == [again.code]
