"""A model that takes any parameters, as an operator may declare one: its form, its price, and what is refused of it."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Final

import pytest

from aijobs.domain.catalogue import Catalogue
from aijobs.persistence.jobs.queries import job_of
from aijobs.settings import SHIPPED_CATALOGUE
from tests.api.conftest import dependencies, key, without_temporal
from tests.api.installation import UPSCALE, ApiUnderTest, opened_installation

__all__ = ["dependencies", "key", "without_temporal"]

#: `owner/name` is none of the models of which we know the parameters.
ANY: Final = f"""
[models.{UPSCALE}]
model = "owner/name"
max_output_count = 4
vendor_price = {{ amount = "0.05", currency = "USD", unit = "second" }}
"""
FORM: Final = {"model_id": UPSCALE, "user_id": "ada"}
HTML: Final = {"Accept": "text/html"}


@pytest.fixture
async def installation(without_temporal: ApiUnderTest, key: str) -> AsyncIterator[ApiUnderTest]:
    catalogue = Catalogue.parse(SHIPPED_CATALOGUE.read_text("utf-8"), ANY)
    async with opened_installation(replace(without_temporal.dependencies, catalogue=catalogue), key) as installation:
        yield installation


async def test_an_object_is_taken_and_anything_else_refused_at_its_field(installation: ApiUnderTest) -> None:
    refused = await installation.http.post("/new", data={**FORM, "params.*": '{"prompt": "x"'}, headers=HTML)
    accepted = await installation.http.post("/new", data={**FORM, "params.*": '{"prompt": "x"}'}, headers=HTML)

    assert refused.status_code == 422
    assert "Must be a JSON object." in refused.text
    assert '<a href="#params.*">' in refused.text
    assert "{&#34;prompt&#34;: &#34;x&#34;" in refused.text
    assert accepted.status_code == 303
    code = accepted.headers["Location"].rpartition("/")[2]
    assert (await installation.dependencies.database.read(job_of, code, user_id="ada")).params == {"prompt": "x"}


@pytest.mark.parametrize(
    ("length", "count", "price"),
    [("5", "1", "0.25 USD at"), ("2.5", "4", "0.5 USD at"), ("true", "1", "0.05 USD at"), ('"5"', "1", "0.05 USD at")],
)
async def test_the_price_of_seconds_is_told_where_their_number_is(
    installation: ApiUnderTest, length: str, count: str, price: str
) -> None:
    form = {**FORM, "params.*": f'{{"duration": {length}}}', "output_count": count}

    page = await installation.http.post("/new/price", data=form, headers=HTML)

    assert page.status_code == 200
    assert price in page.text


async def test_the_list_of_jobs_shows_no_secrets_either(installation: ApiUnderTest) -> None:
    signed = "https://s3.example.com/a.png?X-Amz-Signature=5ec2e7"
    await installation.job(params={"image": signed, "api_key": "5ec2e7"}, metadata={"link": signed})

    page = await installation.http.get("/jobs", headers={**HTML, "Cookie": "aijobs_columns=code.metadata.parameters"})

    assert "https://s3.example.com/a.png?***" in page.text
    assert "5ec2e7" not in page.text
