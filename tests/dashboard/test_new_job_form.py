"""What the form for a new job asks of the API beside the parameters, and where each error is shown."""

from typing import Any, Final

import pytest

from aijobs.domain.errors import BadInput
from aijobs.domain.values.scopes import Scope
from aijobs.persistence.jobs.queries import job_of
from aijobs.persistence.tables import JobRow
from aijobs.providers.replicate.parameters import AnyInput
from api.schemas.jobs import CatalogueEntry
from api.schemas.model_responses import model_responses
from dashboard.forms.metadata_lines import metadata_lines, metadata_text
from dashboard.forms.new_job_form import call_of, field_errors, form_of, request_of
from dashboard.forms.sent_form import SentForm
from tests.api.conftest import dependencies, key, without_temporal
from tests.api.installation import PHOTO_URL, UPSCALE, ApiUnderTest

__all__ = ["dependencies", "key", "without_temporal"]

FILLED: Final = {"model_id": UPSCALE, "user_id": "ada", "params.image": PHOTO_URL}
PAGE: Final = {"Accept": "text/html"}


async def test_metadata_priority_and_callback_are_those_of_the_job(without_temporal: ApiUnderTest) -> None:
    more = {"metadata": "album = holidays\r\n\r\norder=17", "priority": "1", "callback_url": "https://example.com/a"}

    answer = await without_temporal.http.post("/new", data={**FILLED, **more})

    job = await _job(without_temporal, answer.headers["Location"].rpartition("/")[2])
    assert (job.extra, job.priority) == ({"album": "holidays", "order": "17"}, 1)
    assert job.callback_url == "https://example.com/a"


async def test_the_form_of_a_job_asks_for_the_same_again(without_temporal: ApiUnderTest) -> None:
    asked: dict[str, Any] = {"metadata": {"album": "a=b", "two\nlines": ' "x"', "sandbox": "failed"}, "priority": 5}
    code = await without_temporal.job(callback_url="https://example.com/a", **asked)
    job, entry = await _job(without_temporal, code), _entry(without_temporal)

    call = call_of(entry, form_of(entry, job, count=1))

    assert call == {"model_id": UPSCALE, "params": job.params, "callback_url": "https://example.com/a", **asked}
    page = await without_temporal.http.get(f"/new?from={code}", headers=PAGE)
    assert 'value="https://example.com/a"' in page.text
    assert "album=a=b" in page.text


async def test_what_has_secrets_is_not_filled_in_again(without_temporal: ApiUnderTest) -> None:
    signed = "https://example.com/a?token=5ec2e7"
    job = await _job(without_temporal, await without_temporal.job(callback_url=signed, metadata={"link": signed}))

    call = call_of(_entry(without_temporal), form_of(_entry(without_temporal), job, count=1))

    assert "5ec2e7" not in str(call)


@pytest.mark.parametrize(
    ("more", "field", "message"),
    [
        ({"metadata": "a=1\nholidays"}, "metadata", "Line 2 (holidays): Write key=value."),
        ({"metadata": "=1"}, "metadata", "Line 1 (=1): Write key=value."),
        ({"metadata": "a=1\n\na=2"}, "metadata", "Line 3 (a=2): This key is there already."),
        ({"metadata": f"a=1\n{'b' * 41}=2"}, "metadata", f"Line 2 ({'b' * 41}=2): String should have at most 40 "),
        ({"metadata": "\n".join(f"k{n}=1" for n in range(17))}, "metadata", "at most 16 items"),
        ({"priority": "9"}, "priority", "less than or equal to 5"),
        ({"priority": "first"}, "priority", "valid integer"),
        ({"callback_url": "not a link"}, "callback_url", "https"),
        ({"output_count": ""}, "output_count", "valid integer"),
        ({"params.upscale_factor": "9" * 400}, "params.upscale_factor", ""),
    ],
)
async def test_each_error_is_at_its_field(
    without_temporal: ApiUnderTest, more: dict[str, str], field: str, message: str
) -> None:
    page = await without_temporal.http.post("/new", data={**FILLED, **more}, headers=PAGE)

    assert page.status_code == 422
    assert f'<a href="#{field}">' in page.text
    assert message in page.text
    assert f'for="{field}"' in page.text.partition(' wrong">')[2][:100]


async def test_a_higher_priority_needs_its_scope(without_temporal: ApiUnderTest) -> None:
    ada = await without_temporal.key_for("ada", Scope.JOBS_READ, Scope.JOBS_WRITE)
    form = {name: value for name, value in FILLED.items() if name != "user_id"}

    offered = await without_temporal.http.get("/new", headers={**ada, **PAGE})
    first = await without_temporal.http.post("/new", data={**form, "priority": "1"}, headers={**ada, **PAGE})
    last = await without_temporal.http.post("/new", data={**form, "priority": "5"}, headers={**ada, **PAGE})

    assert '<option value="3" selected>' in offered.text
    assert '<option value="2">' not in offered.text
    assert (first.status_code, last.status_code) == (403, 303)


async def test_other_parameters_that_are_no_object_are_refused(without_temporal: ApiUnderTest) -> None:
    """A model that takes any parameters would take the text for one of them."""
    entry = _entry(without_temporal).model_copy(update={"parameters": AnyInput.model_json_schema()})

    with pytest.raises(BadInput) as refused:
        request_of(entry, SentForm({"params.*": ['{"prompt": "a lighthouse"']}), "ada")

    assert field_errors(refused.value, ()) == {"params.*": "Must be a JSON object."}


@pytest.mark.parametrize(
    "metadata",
    [{"album": "holidays"}, {"a=b": "c=d"}, {" a": "b "}, {'"a"': '"b"'}, {"灯塔": "🌊"}, {"a": ""}, {"a\nb": "\t"}],
)
def test_metadata_is_the_same_after_it_was_written_as_lines(metadata: dict[str, str]) -> None:
    assert {line.key: line.value for line in metadata_lines(metadata_text(metadata))} == metadata


async def _job(installation: ApiUnderTest, code: str) -> JobRow:
    return await installation.dependencies.database.read(job_of, code, user_id=None)


def _entry(installation: ApiUnderTest) -> CatalogueEntry:
    entries: dict[str, Any] = {entry.model_id: entry for entry in model_responses(installation.dependencies.models)}
    entry: CatalogueEntry = entries[UPSCALE]
    return entry
