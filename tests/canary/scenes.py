"""Everything that happens to jobs, with words in all of it; and what a caller is told that is secret."""

import asyncio
import re
from typing import Any, Final

from aijobs.domain.lifecycle import JobStatus
from tests.adapters.webhooks.receiver import Receiver, answers
from tests.canary.marks import WORDS
from tests.patience import http_client
from tests.stories.stack import MIDJOURNEY, PHOTO, StoryStack
from tests.stories.test_batches import until_ended
from tests.stories.test_documents import CONTRACT
from tests.stories.test_webhooks_out import wait_for_deliveries

USER: Final = {"Aijobs-User": "ada"}
MIGRATIONS: Final = ("wrong_content", "output_at")


async def play_all(stack: StoryStack, receiver: Receiver) -> dict[str, str]:
    """Returns the jobs' codes by what happened to them."""
    jobs = {"succeeded": await succeeded(stack, receiver), "canceled": await canceled(stack)}
    jobs |= {
        "failed": await ended(stack, "failed", WORDS["vendor text"]),
        "rejected": await ended(stack, "reject_422"),
    }
    jobs |= {fault: await ended(stack, fault) for fault in MIGRATIONS}
    jobs |= {"drawn": await drawn(stack), "answered": await answered(stack)}
    jobs |= {"refused": await answered(stack, "answer_refused"), "decided": await decided(stack)}
    jobs |= {"document": await document(stack), "batch": await batch(stack)}
    await asyncio.sleep(2)  # relays, repair and exporters go round
    return jobs


async def succeeded(stack: StoryStack, receiver: Receiver) -> str:
    """Its webhook is refused in the receiver's words at first."""
    receiver.behaves(answers(f"500 {WORDS['receiver answer']}", f"x-why: {WORDS['receiver answer']}"))
    image = await stack.upload(PHOTO.read_bytes(), name=f"{WORDS['file name']}.jpg")
    code = await stack.submit(params={"image": image}, callback_url=receiver.url, metadata={"note": WORDS["prompt"]})
    await stack.events(code)
    await wait_for_deliveries(stack, code)
    return code


async def ended(stack: StoryStack, fault: str, arg: str | None = None) -> str:
    stack.sandbox.misbehave(fault, arg=arg)
    code = await stack.submit()
    assert (await stack.statuses(code))[-1] == "FAILED"
    stack.sandbox.behave()
    await stack.mend_credentials()
    return code


async def canceled(stack: StoryStack) -> str:
    stack.sandbox.misbehave("never_finishes")
    code = await stack.submit()
    await stack.until(code, JobStatus.PROCESSING)
    asked = await stack.api.post(f"/api/jobs/{code}/cancel", json={"reason": WORDS["cancel reason"]}, headers=USER)
    assert asked.status_code == 202, asked.text
    assert (await stack.statuses(code))[-1] == "CANCELED"
    stack.sandbox.behave()
    return code


async def drawn(stack: StoryStack) -> str:
    """The vendor fails, and quotes the prompt."""
    stack.sandbox.misbehave("failed", arg=f"Banned: {WORDS['prompt']} {WORDS['vendor text']}")
    return await _submitted(stack, MIDJOURNEY, "FAILED", mode="fast")


async def answered(stack: StoryStack, fault: str | None = None) -> str:
    if fault:
        stack.sandbox.misbehave(fault)
    return await _submitted(stack, "chat_answer_v1", "FAILED" if fault else "SUCCESS")


async def _submitted(stack: StoryStack, model: str, end: str, **params: Any) -> str:
    body = {"model_id": model, "params": {"prompt": f"A {WORDS['prompt']}", **params}, "user_id": "ada"}
    accepted = await stack.api.post("/api/jobs", json=body)
    assert accepted.status_code == 202, accepted.text
    code = str(accepted.json()["code"])
    assert (await stack.statuses(code))[-1] == end
    stack.sandbox.behave()
    return code


async def decided(stack: StoryStack) -> str:
    """Nobody knows whether it arrived, until an operator says what became of it."""
    stack.sandbox.misbehave("drop_before_accept")
    code = await stack.submit(model="hasty_queue")
    assert (await stack.statuses(code))[-1] == "TIMEOUT"
    resolution = {"decision": "refund", "why": WORDS["decision"]}
    assert (await stack.api.post(f"/api/jobs/{code}/resolve", json=resolution)).status_code == 200
    stack.sandbox.behave()
    return code


async def document(stack: StoryStack) -> str:
    content = CONTRACT + f"\n{WORDS['file content']}\n".encode()
    uploaded = await stack.api.post(
        "/api/template/upload-template",
        files={"file": (f"{WORDS['file name']}.txt", content)},
        data={"templateId": "contract_zh"},
        headers=USER,
    )
    assert uploaded.status_code == 200, uploaded.text
    code = str(uploaded.json()["data"]["taskId"])
    await stack.statuses(code)
    return code


async def batch(stack: StoryStack) -> str:
    image = await stack.upload(PHOTO.read_bytes())
    body = {"model_id": "replicate_imageupscale_v1", "user_id": "ada", "params": {"image": image}}
    rows = [{"metadata": {"note": f"{WORDS['prompt']} {number}"}} for number in range(2)]
    accepted = await stack.api.post("/api/batches", json={**body, "rows": rows})
    assert accepted.status_code == 202, accepted.text
    await until_ended(stack, code := str(accepted.json()["code"]))
    return code


async def told_secrets(stack: StoryStack, receiver: Receiver, jobs: dict[str, str]) -> dict[str, str]:
    """What callers get once, and must keep: each as it was told, and used."""
    key = stack.api.headers["Authorization"].removeprefix("Bearer ")
    token = (await stack.api.post("/api/tokens", json={"user_id": "ada"})).json()["token"]
    ticket = (await stack.api.post("/api/tickets", json={"user_id": "ada"})).json()["ticket"]
    endpoint = await stack.api.post("/api/webhook-endpoints", json={"url": receiver.url, "user_id": "bob"})
    signed = await stack.api.get(f"/api/jobs/{jobs['succeeded']}/outputs/0", headers=USER)
    cookie = await _session(stack, key)
    async with http_client(base_url=stack.api.base_url) as http:
        listed = await http.get("/api/jobs", headers={"Authorization": f"Bearer {token}"})
        page = await http.get("/jobs", headers={"Cookie": cookie})
        async with http.stream("GET", "/api/events", params={"ticket": ticket, "after": 0}) as stream:
            assert (listed.status_code, page.status_code, stream.status_code) == (200, 200, 200)
    signature = re.search(r"[Ss]ignature=([^&]+)", signed.headers["Location"])
    assert signature is not None
    return {
        "key": key,
        "token": token,
        "ticket": ticket,
        "endpoint's secret": endpoint.json()["secret"],
        "session": cookie.partition("=")[2],
        "link's signature": signature[1],
    }


async def _session(stack: StoryStack, key: str) -> str:
    """The cookie of a browser that has signed in."""
    async with http_client(base_url=stack.api.base_url) as http:
        signed_in = await http.post("/api/sessions", json={"key": key})
    return str(signed_in.headers["Set-Cookie"].partition(";")[0])


async def wrong_requests(stack: StoryStack, secrets: dict[str, str]) -> bytes:
    """The answers to requests that are wrong, with words and secrets in them."""
    word, wrong_key = WORDS["prompt"], {"Authorization": f"Bearer {secrets['key'][:-4]}zzzz"}
    requests: list[dict[str, Any]] = [
        {"method": "POST", "url": "/api/jobs", "json": {"model_id": word, "params": {"prompt": word}, "user_id": "a"}},
        {
            "method": "POST",
            "url": "/api/jobs",
            "json": {"model_id": MIDJOURNEY, "params": {"prompt": [word]}, "x": word},
        },
        {"method": "POST", "url": "/api/jobs", "content": f'{{"prompt": "{word}'.encode()},
        {"method": "GET", "url": "/api/jobs", "headers": wrong_key},
        {"method": "POST", "url": "/api/files", "files": {"file": (f"{word}.exe", word.encode())}, "headers": USER},
        {"method": "POST", "url": "/api/jobs", "headers": {"Idempotency-Key": secrets["key"] * 9}, "json": {}},
    ]
    answered = [await stack.api.request(**request) for request in requests]
    assert [one.status_code for one in answered if one.status_code < 400] == []
    return b"\n".join(str(one.headers).encode() + one.content for one in answered)
