"""The reference of the API: every operation, found by words, tried from the page, in the dashboard's look and size."""

import html
import json
import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import expect

from dashboard.language import LANGUAGES, Language, Messages
from dashboard.pages.api_reference.operations import PARAGRAPH, briefs_of, operation_of
from tests.dashboard.accessibility import RULES
from tests.dashboard.conftest import OpenVisitor
from tests.dashboard.installation import DashboardUnderTest
from tests.patience import http_client

MAX_PAGE: Final = 150_000  #: bytes of a page with all that it loads
MANY: Final = 350  #: texts
ENGLISH: Final = Messages(Language.EN)


async def openapi_of(dashboard: DashboardUnderTest) -> dict[str, Any]:
    document: dict[str, Any] = (await dashboard.installation.http.get("/openapi.json")).json()
    return document


async def test_every_operation_has_a_page_in_every_language(dashboard: DashboardUnderTest) -> None:
    openapi = await openapi_of(dashboard)
    operations = [(path, one) for path, methods in openapi["paths"].items() for one in methods.values()]
    async with http_client(base_url=dashboard.url) as anybody:
        index = (await anybody.get("/docs")).text
        for language in LANGUAGES:
            for path, operation in operations:
                answer = await anybody.get(
                    f"/docs/{operation['operationId']}", headers={"Accept-Language": language.value}
                )
                shown = html.unescape(re.sub(r"<(pre|textarea).*?</\1>", "", answer.text, flags=re.DOTALL))
                assert answer.status_code == 200, path
                assert path in shown
                assert "`" not in re.sub("<[^>]*>", "", shown), path
                assert all(parameter["name"] in shown for parameter in operation.get("parameters", ())), path

    assert all(f'href="/docs/{operation["operationId"]}"' in index for _, operation in operations)
    assert "https:" not in index


@pytest.mark.parametrize("language", LANGUAGES[1:], ids=str)
async def test_whatever_the_reference_says_is_said_in_every_language(
    dashboard: DashboardUnderTest, language: Language
) -> None:
    words, shown = Messages(language), dict(_texts(await openapi_of(dashboard)))

    missing = {text: place for text, place in shown.items() if not words.translated(text)}
    changed = {text for text in shown.keys() - missing.keys() if _codes(text) != _codes(words.sentence(text))}

    assert len(shown) > MANY
    assert missing == {}
    assert changed == set()


def _texts(openapi: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Each paragraph that a page of the reference shows in English, and where."""
    for tag in openapi["tags"]:
        yield tag["description"], tag["name"]
    for brief in briefs_of(openapi, ENGLISH):
        operation = operation_of(openapi, brief.name, ENGLISH)
        assert operation
        bodies = [*operation.bodies, *(body for answer in operation.answers for body in answer.bodies)]
        texts = [brief.summary, operation.description]
        texts += [one.description for one in operation.parameters]
        texts += [one.description for one in operation.answers]
        texts += [field.description for body in bodies for field in body.fields]
        for text in texts:
            yield from ((paragraph, brief.name) for paragraph in text.split(PARAGRAPH) if paragraph)


def _codes(text: str) -> set[str]:
    return set(re.findall("`[^`]+`", text))


async def test_the_description_itself_is_english_whoever_reads_it(dashboard: DashboardUnderTest) -> None:
    http = dashboard.installation.http
    english, chinese = [await http.get("/openapi.json", headers={"Accept-Language": name}) for name in ("en", "zh")]

    assert "Submit a job" in english.text
    assert english.content == chinese.content


async def test_words_of_either_language_find_an_operation(dashboard: DashboardUnderTest) -> None:
    headers = {"Accept-Language": "zh-CN"}
    for words in ("webhook test message", "发送测试消息"):
        page = await dashboard.installation.http.get("/docs", params={"q": words}, headers=headers)
        assert re.findall(r'href="/docs/(\w+)"', page.text) == ["testWebhookEndpoint"], words
        assert "向端点发送测试消息" in page.text


async def test_an_operation_that_is_not_there_is_a_page_of_the_layout(dashboard: DashboardUnderTest) -> None:
    answer = await dashboard.installation.http.get("/docs/flyToTheMoon", headers={"Accept": "text/html"})

    assert answer.status_code == 404
    assert 'href="/jobs"' in answer.text


async def test_words_find_operations_with_and_without_javascript(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    found = (await dashboard.installation.http.get("/docs", params={"q": "webhook test"})).text
    visitor = await open_visitor(dashboard.url, key=dashboard.key)
    await visitor.open("/docs")

    await visitor.page.keyboard.press("/")
    await visitor.page.keyboard.type("cancel BATCH")

    rows = visitor.page.locator("main tbody tr:visible")
    await expect(rows).to_have_count(1)
    assert await rows.locator("a").get_attribute("href") == "/docs/cancelBatch"
    assert re.findall(r'href="/docs/(\w+)"', found) == ["testWebhookEndpoint"]


async def test_an_operation_is_tried_with_the_session_and_with_a_key(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    code = await dashboard.installation.job("ada")
    visitor = await open_visitor(dashboard.url, key=dashboard.key)
    page, sent, answer = visitor.page, visitor.page.locator("#try-sent"), visitor.page.locator("#try-answer")
    await visitor.open("/docs/getJob")

    await page.locator("[data-name=code]").fill(code)
    await page.locator("#try button.strong").click()
    await expect(sent).to_contain_text("200 ·")
    await expect(answer).to_contain_text(f'"code": "{code}"')
    await page.locator("input[name=key]").fill("aijobs_service_wrong")
    await page.locator("#try button.strong").click()

    await expect(sent).to_contain_text("401 ·")
    assert json.loads(await answer.inner_text())["code"] == "not_authenticated"


async def test_a_body_starts_with_its_example_and_is_sent(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    visitor = await open_visitor(dashboard.url)
    page = visitor.page
    await visitor.open("/docs/createToken")
    await page.locator("input[name=key]").fill(dashboard.key)
    example = json.loads(await page.locator("[data-body]").input_value())

    await page.locator("[data-body]").fill(json.dumps({"user_id": "ada"}))
    await page.locator("#try button.strong").click()

    await expect(page.locator("#try-sent")).to_contain_text("201 ·")
    assert "user_id" in example
    assert "token" in json.loads(await page.locator("#try-answer").inner_text())


async def test_the_reference_is_light_and_accessible(dashboard: DashboardUnderTest, open_visitor: OpenVisitor) -> None:
    for theme in ("light", "dark"):
        visitor = await open_visitor(dashboard.url, key=dashboard.key, color_scheme=theme)
        for path in ("/docs", "/docs/createJob", "/docs/createReview"):
            await visitor.open(path)
            await visitor.page.wait_for_load_state("load")
            size = await visitor.page.evaluate(
                "[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]"
                ".reduce((sum, one) => sum + one.decodedBodySize, 0)"
            )
            violations = await Axe().run(visitor.page, options=RULES)
            assert size <= MAX_PAGE, path
            assert violations.violations_count == 0, violations.generate_report()
        assert visitor.console_errors == []
