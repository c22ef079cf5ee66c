"""Models are called by their names in the visitor's language, on every page that names one."""

from decimal import Decimal
from typing import Final

from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.values.languages.language import Language
from aijobs.domain.values.languages.messages import Messages
from aijobs.domain.values.money import Cost, CostSource
from dashboard.formatting import model_name
from tests.api.conftest import dependencies, key, without_temporal
from tests.api.installation import PHOTO_URL, UPSCALE, ApiUnderTest

__all__ = ["dependencies", "key", "without_temporal"]

CHINESE: Final = {"Accept-Language": "zh-CN", "Accept": "text/html"}


async def test_every_page_calls_a_model_by_its_chinese_name(without_temporal: ApiUnderTest) -> None:
    model = without_temporal.dependencies.catalogue.model(UPSCALE)
    english, chinese = str(model.model_name), model.model_name.in_words(Messages(Language.ZH))
    held, paid = [await without_temporal.job("ada") for _ in range(2)]
    gate = without_temporal.dependencies.records.gate
    cost = Cost(amount=Decimal(2), currency="USD", source=CostSource.BILL)
    await without_temporal.push(paid, JobStatus.SUBMITTED)
    await gate.advance(paid, JobStatus.GENERATED, cost=cost)
    await without_temporal.push(paid, JobStatus.MIGRATING, JobStatus.SUCCESS)
    await without_temporal.push(held, JobStatus.SUBMITTED)
    await gate.advance(held, JobStatus.TIMEOUT, provider_may_charge=True)
    row = {"params": {"image": PHOTO_URL}}
    batch = {"model_id": UPSCALE, "user_id": "ada", "rows": [row], "start_at": "2100-01-01T00:00:00Z"}
    code = (await without_temporal.http.post("/api/batches", json=batch)).raise_for_status().json()["code"]
    paths = ["/", "/jobs", f"/jobs/{paid}", "/money", "/users/ada", "/models", "/new", "/batches", f"/batches/{code}"]

    pages = {path: (await without_temporal.http.get(path, headers=CHINESE)).text for path in paths}

    assert english != chinese
    assert [path for path, page in pages.items() if chinese not in page] == []
    assert [path for path, page in pages.items() if english in page] == []
    assert "2.00 USD" in pages["/"]


async def test_a_model_that_is_no_longer_called_so_keeps_the_name_of_its_jobs(without_temporal: ApiUnderTest) -> None:
    catalogue, words = without_temporal.dependencies.catalogue, Messages(Language.ZH)

    assert model_name(catalogue, words, UPSCALE, "Enlarger") == "Enlarger"
    assert model_name(catalogue, words, "gone_v1", "Enlarger") == "Enlarger"
    assert model_name(catalogue, words, "gone_v1") == "gone_v1"
    assert model_name(catalogue, words, UPSCALE) == model_name(
        catalogue, words, UPSCALE, str(catalogue.model(UPSCALE).model_name)
    )
