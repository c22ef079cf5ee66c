"""A form that was refused keeps its user and its idempotency key: sent again, it does once what it asks for."""

from typing import Any, Final

import pytest

from aijobs.domain.errors import BadInput, IdempotencyInFlight, IdempotencyMismatch
from dashboard.forms.sent_form import form_key
from tests.api.conftest import dependencies, key, without_temporal
from tests.api.installation import UPSCALE, ApiUnderTest
from tests.api.templates import saved

__all__ = ["dependencies", "key", "without_temporal"]

SENT: Final = {"user_id": "ada", "idempotency_key": "form_of_ada"}


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/photos", {"data": SENT, "files": {"photo": ("a.jpg", b"no picture")}}),
        ("/documents", {"data": {**SENT, "templateId": "orders"}, "files": {"file": ("a.pdf", b"no document")}}),
        ("/new", {"data": {**SENT, "model_id": UPSCALE, "params.image": "nowhere"}}),
    ],
)
async def test_a_refused_form_is_shown_as_it_was_sent(
    without_temporal: ApiUnderTest, path: str, form: dict[str, Any]
) -> None:
    (await saved(without_temporal, "orders")).raise_for_status()

    page = await without_temporal.http.post(path, **form, headers={"Accept": "text/html"})

    assert page.status_code == 422
    assert 'name="idempotency_key" value="form_of_ada"' in page.text
    assert 'value="ada"' in page.text


def test_a_key_that_has_served_another_form_is_replaced() -> None:
    in_flight, mismatch = IdempotencyInFlight("It is being done."), IdempotencyMismatch("It was another form.")

    assert form_key("form_1", in_flight) == form_key("form_1", BadInput("No.")) == form_key("form_1") == "form_1"
    assert form_key("form_1", mismatch) != "form_1"
    assert form_key() != form_key()
