"""The simulated language model: OpenAI's protocol, and answers that come from the document itself."""

import base64
import io
import json
from typing import Any

import httpx
import pytest
from PIL import Image

from sandbox.server import RunningSandbox

URL = "/openai/v1/chat/completions"
CONTRACT = "合同编号：HT-9\nSigned on: 2026/3/7\n总价: 人民币 1,234.50 元\n已付: 是\n"
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "rows": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "合同编号": {"type": "string"},
                    "Signed on": {"type": ["string", "null"]},
                    "总价": {"type": ["number", "null"]},
                    "已付": {"type": ["boolean", "null"]},
                    "缺": {"type": ["string", "null"]},
                },
            },
        }
    },
}
THE_ROW = {"合同编号": "HT-9", "Signed on": "2026-03-07", "总价": 1234.5, "已付": True, "缺": None}
FORMAT = {"type": "json_schema", "json_schema": {"name": "table", "schema": SCHEMA, "strict": True}}


async def ask(http: httpx.AsyncClient, text: str = CONTRACT, **more: Any) -> httpx.Response:
    body = {"model": "m", "messages": [{"role": "user", "content": text}], **more}
    return await http.post(URL, json=body)


def rows_in(answer: httpx.Response) -> Any:
    return json.loads(answer.json()["choices"][0]["message"]["content"])["rows"]


async def test_a_table_comes_from_the_document(sandbox: RunningSandbox, http: httpx.AsyncClient) -> None:
    answer = await ask(http, response_format=FORMAT)

    assert rows_in(answer) == [THE_ROW]
    assert answer.json()["choices"][0]["finish_reason"] == "stop"
    assert answer.json()["usage"]["prompt_tokens"] > 0


async def test_the_shape_may_be_in_the_question(sandbox: RunningSandbox, http: httpx.AsyncClient) -> None:
    answer = await ask(http, f"{CONTRACT}\nAnswer with JSON: {json.dumps(SCHEMA, ensure_ascii=False)}")

    assert rows_in(answer) == [THE_ROW]


async def test_a_table_in_the_document_gives_a_row_for_each_line(
    sandbox: RunningSandbox, http: httpx.AsyncClient
) -> None:
    table = "| 合同编号 | 总价 |\n|---|---|\n| A-1 | 10 |\n| A-2 | 20 |\n"

    rows = rows_in(await ask(http, table, response_format=FORMAT))

    assert [(row["合同编号"], row["总价"]) for row in rows] == [("A-1", 10), ("A-2", 20)]


async def test_a_stream_says_the_same_and_then_what_it_cost(sandbox: RunningSandbox, http: httpx.AsyncClient) -> None:
    whole = (await ask(http)).json()
    answer = await ask(http, stream=True, stream_options={"include_usage": True})

    *lines, last = [line.removeprefix("data: ") for line in answer.text.splitlines() if line]
    chunks = [json.loads(line) for line in lines]
    pieces = [chunk["choices"][0]["delta"].get("content", "") for chunk in chunks[:-1]]
    assert last == "[DONE]"
    assert "".join(pieces) == whole["choices"][0]["message"]["content"]
    assert (chunks[-1]["choices"], chunks[-1]["usage"]) == ([], whole["usage"])
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"


async def test_the_limit_of_tokens_cuts(sandbox: RunningSandbox, http: httpx.AsyncClient) -> None:
    answer = await ask(http, max_tokens=2)

    assert answer.json()["choices"][0]["finish_reason"] == "length"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"messages": [{"role": "user", "content": "x"}]}, "model"),
        ({"model": "m", "messages": []}, "messages"),
        ({"model": "m", "messages": [{"role": "nobody", "content": "x"}]}, "messages.0.role"),
    ],
)
async def test_what_is_wrong_is_named(
    sandbox: RunningSandbox, http: httpx.AsyncClient, body: dict[str, Any], param: str
) -> None:
    answer = await http.post(URL, json=body)

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param
    assert answer.json()["error"].keys() == {"message", "type", "param", "code"}
    assert sandbox.ledger() == []


async def test_without_a_key_there_is_no_answer(sandbox: RunningSandbox, http: httpx.AsyncClient) -> None:
    answer = await http.post(URL, json={}, headers={"Authorization": ""})

    assert answer.status_code == 401


async def test_each_answer_is_in_the_ledger_under_its_reference(
    sandbox: RunningSandbox, http: httpx.AsyncClient
) -> None:
    for _ in range(2):
        body = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
        await http.post(URL, json=body, headers={"X-Client-Request-Id": "job_1/2"})

    assert [row.charge for row in sandbox.ledger("job_1/2")] == ["charged", "charged"]


async def test_no_quota_says_so(sandbox: RunningSandbox, http: httpx.AsyncClient) -> None:
    sandbox.misbehave("no_quota")

    answer = await ask(http)

    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "insufficient_quota")
    assert "retry-after" not in answer.headers


async def test_a_photo_is_looked_at_pixel_by_pixel(sandbox: RunningSandbox, http: httpx.AsyncClient) -> None:
    bright, dark = [await scores_of(http, shade) for shade in ("white", "black")]

    assert bright == await scores_of(http, "white")
    assert bright["light"] != dark["light"]


async def test_what_is_no_picture_is_refused(sandbox: RunningSandbox, http: httpx.AsyncClient) -> None:
    for url in ("https://example.com/photo.jpg", "data:image/png;base64,bm90aGluZw=="):
        answer = await looked_at(http, url)

        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "messages")


async def scores_of(http: httpx.AsyncClient, shade: str) -> dict[str, int]:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), shade).save(buffer, "PNG")
    answer = await looked_at(http, f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}")
    review = json.loads(answer.json()["choices"][0]["message"]["content"])
    return {name: judged["score"] for name, judged in review.items() if name != "summary"}


async def looked_at(http: httpx.AsyncClient, url: str) -> httpx.Response:
    judged = {"type": "object", "properties": {"score": {"type": "integer"}}}
    schema = {"type": "object", "properties": {"light": judged, "focus": judged, "summary": {"type": "object"}}}
    shape = {"type": "json_schema", "json_schema": {"name": "review", "schema": schema, "strict": True}}
    parts = [{"type": "text", "text": "How is it?"}, {"type": "image_url", "image_url": {"url": url}}]
    messages = [{"role": "user", "content": parts}]
    return await http.post(URL, json={"model": "m", "messages": messages, "response_format": shape})
