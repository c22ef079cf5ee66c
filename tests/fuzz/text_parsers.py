"""Every parser of texts that come from outside: good examples, and the errors with which it may refuse one.

A parser that raises anything else has a fault: its caller answers 500, or ends.
"""

import asyncio
import io
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

import pytest
from aijobs_client.sse import EventParser
from fastapi.exceptions import RequestValidationError
from pydantic import TypeAdapter, ValidationError
from standardwebhooks import Webhook

from aijobs.adapters.chat.response import EndpointProblem
from aijobs.adapters.chat.response import read_answer as read_chat
from aijobs.adapters.documents.spreadsheets.number_formats import number_format
from aijobs.adapters.network.retry_after import parsed_retry_after
from aijobs.adapters.storage.content_disposition import content_disposition
from aijobs.adapters.storage.key_check import checked_key
from aijobs.adapters.storage.signed_links import LinkSigner
from aijobs.adapters.webhooks.url_check import webhook_url_error
from aijobs.domain.catalogue import Catalogue
from aijobs.domain.documents.column_values import ColumnType, value_as
from aijobs.domain.documents.prompt_stages import split
from aijobs.domain.documents.template_files import parse_template
from aijobs.domain.documents.templates import StageSettings
from aijobs.domain.errors import AijobsError, BadInput, NotAllowed, NotAuthenticated, NotFound
from aijobs.domain.jobs.batches.batch import BatchRequest
from aijobs.domain.provider_io import IncomingWebhook
from aijobs.domain.values.durations import Duration
from aijobs.domain.values.ids import moment_of
from aijobs.domain.values.money import Amount, Cost, CostSource, is_currency
from aijobs.domain.values.safe_csv import safe_csv
from aijobs.domain.values.timestamps import Timestamp
from aijobs.domain.values.user_ids import user_id_error
from aijobs.generators.json_answers import NotJson
from aijobs.generators.json_answers import read_answer as read_json_answer
from aijobs.persistence.access.keys import key_id_in
from aijobs.providers.declared.reading import DeclarationError, read_declaration
from aijobs.providers.declared.templates import filled, filled_path, places_in
from aijobs.providers.fal.webhook import WebhookKeys
from aijobs.providers.replicate.webhook import prediction_of, verify
from api.auth.tokens import Claims, make_token, read_token
from api.problems import UnreadableBody
from api.requests.batch_bodies import BatchBody
from api.requests.paths import queried_status
from api.requests.strict_json import check_json
from api.requests.uploads import display_name
from api.streaming.filters import MAX_POSITION, number
from cli.errors import CommandError
from cli.options import moment
from cli.terminal_text import lines, one_line
from tests.cli.command import ROOT
from tests.fuzz.hostile import as_bytes

SECRET: Final = b"a secret of the tests, long enough"
SIGNER: Final = LinkSigner(SECRET, "http://aijobs.test")
HEAD: Final = BatchRequest(model_id="m", params={"prompt": "a {{colour}} house", "seed": 1})
A_TOKEN: Final = make_token(SECRET, Claims(user_id="ada", key_id="k", scopes=frozenset()), lifetime=timedelta(hours=1))[
    0
]
WEBHOOK: Final = Webhook("whsec_" + "a" * 32)


@dataclass(frozen=True)
class TextParser:
    """`good` are texts that it takes, which are damaged for it; `refuses` are the errors for all others."""

    parse: Callable[[str], Any]
    refuses: tuple[type[Exception], ...] = ()
    good: tuple[str, ...] = ()


def typed(kind: Any) -> Callable[[str], Any]:
    return TypeAdapter(kind).validate_python


def headers_only(value: str) -> None:
    """A header that is made of a text stays one header."""
    header = content_disposition(value, "image/png")
    header.encode("latin-1")
    assert not set(header) & set("\r\n\0")


def tables(text: str) -> None:
    written = safe_csv([[text, "b"]])
    assert written.endswith("\r\n")


def cells(text: str) -> None:
    for kind in ColumnType:
        try:
            value_as(kind, text)
        except ValueError as unfit:
            assert str(unfit)  # noqa: PT017 - its text is what the user reads


def batch(text: str, *, is_csv: bool = False, is_json: bool = False) -> None:
    body = BatchBody(request=HEAD, digest="", file=io.BytesIO(as_bytes(text)), is_csv=is_csv, is_json=is_json)
    for _ in body.chunks(frozenset({"prompt", "seed"})):
        pass


def events(text: str) -> None:
    parser, content = EventParser(), as_bytes(text)
    for place in range(0, len(content), 7):
        list(parser.feed(content[place : place + 7]))


def chat(text: str) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        content = as_bytes(text)
        for place in range(0, len(content), 1000):
            yield content[place : place + 1000]

    asyncio.run(read_chat(chunks(), None))


def proofs(text: str) -> None:
    """A webhook whose every header and body is this text is not believed."""
    names = ("request-id", "user-id", "timestamp", "signature")
    headers = {f"x-fal-webhook-{name}": text for name in names}
    headers |= {"webhook-id": text, "webhook-timestamp": text, "webhook-signature": text}
    delivery = IncomingWebhook(headers=headers, body=as_bytes(text), token=text)
    with pytest.raises(NotAuthenticated):
        verify(delivery, WEBHOOK)
    with pytest.raises(NotAuthenticated):
        WebhookKeys().verify(delivery)
    headers["webhook-timestamp"] = str(int(time.time()))
    verify(IncomingWebhook(headers=headers, body=b"", token=""), WEBHOOK)


def declared_places(text: str) -> None:
    list(places_in(text))
    filled(text, {"id": "7", "a": {"b": 1}})
    filled_path(text, {"id": "7"})


def amounts(text: str) -> None:
    amount = TypeAdapter(Amount).validate_python(text)
    is_currency(text)
    Cost.of(Decimal(amount), "USD", CostSource.BILL)


def read(path: str) -> str:
    return (ROOT / path).read_text("utf-8")


JSON_BODY: Final = '{"model_id": "m", "params": {"image": "https://a.example/b.png", "n": [1, 2.5, -3e2, true, null]}}'
EVENTS: Final = 'id: 7\nevent: status\ndata: {"seq": 7}\n\nretry: 2000\n: comment\n\ndata: a\ndata: b\n\n'
FRAMES: Final = (
    'data: {"choices": [{"delta": {"content": "a"}, "finish_reason": null}]}\n\n'
    'data: {"choices": [{"delta": {}, "finish_reason": "stop"}], "usage": {"total_tokens": 3}}\n\ndata: [DONE]\n\n'
)
ANSWER: Final = 'Here it is:\n```json\n[{"name": "a", "price": "1,200.50"}, {"name": "b", "price": null}]\n```\nDone.'

PARSERS: Final[Mapping[str, TextParser]] = {
    "duration": TextParser(typed(Duration), (ValidationError,), ("15m", "500ms", "1.5h")),
    "moment of the command line": TextParser(moment, (CommandError,), ("22:00", "2026-11-21T22:00Z")),
    "timestamp": TextParser(typed(Timestamp), (ValidationError,), ("2026-11-21T10:00:00.1Z", "2026-11-21T10:00+01:00")),
    "time in a code": TextParser(moment_of, (), ("job_06FNXQ3W9E8Y7ZKDRT2M5S4HBC",)),
    "position": TextParser(lambda text: number(text, at_most=MAX_POSITION), (), ("9223372036854775807", "0")),
    "status": TextParser(queried_status, (BadInput,), ("PROCESSING", "3")),
    "user id": TextParser(user_id_error, (), ("ada", "42")),
    "Retry-After": TextParser(
        lambda text: parsed_retry_after(text, at_most=timedelta(hours=1)),
        (),
        ("120", "1.5", "Wed, 21 Oct 2026 07:28:00 GMT"),
    ),
    "Content-Disposition": TextParser(headers_only, (), ("holiday photo.jpg", "照片.png")),
    "name of an upload": TextParser(display_name, (), ("a/b\\c.jpg",)),
    "key of an object": TextParser(checked_key, (BadInput,), ("outputs/job_1/0.png",)),
    "URL of a webhook": TextParser(
        lambda text: webhook_url_error(text, ()), (), ("https://example.com:8443/hook?a=b", "http://[::1]:80/")
    ),
    "signature of a link": TextParser(
        lambda text: SIGNER.verify(text, filename=text, media_type=text, expires=1, signature=text),
        (NotAllowed, NotFound),
        ("a/b.png",),
    ),
    "key": TextParser(key_id_in, (), ("aijobs_service_0123456789abcdef_secret",)),
    "token": TextParser(lambda text: read_token(SECRET, text), (NotAuthenticated,), (A_TOKEN,)),
    "proofs of webhooks": TextParser(proofs, (NotAuthenticated,), ("v1,abc=", "1795255200")),
    "body of a webhook": TextParser(
        lambda text: prediction_of(IncomingWebhook(headers={}, body=as_bytes(text), token="")),
        (BadInput,),
        ('{"id": "p1", "status": "succeeded", "output": ["https://a.example/1.png"], "metrics": {"predict_time": 1}}',),
    ),
    "strict JSON": TextParser(
        lambda text: asyncio.run(check_json(as_bytes(text))), (UnreadableBody, BadInput), (JSON_BODY,)
    ),
    "batch as JSON": TextParser(
        lambda text: batch(text, is_json=True),
        (UnreadableBody, BadInput, RequestValidationError),
        ('{"model_id": "m", "rows": [{"params": {"seed": 2}}, {"params": {}, "metadata": {"a": "b"}}]}',),
    ),
    "batch as lines": TextParser(
        batch, (UnreadableBody, BadInput), ('{"params": {"seed": 2}}\n{"params": {}}\n\n{"params": 3}\n',)
    ),
    "batch as CSV": TextParser(
        lambda text: batch(text, is_csv=True),
        (UnreadableBody, BadInput),
        ('colour,seed\nred,1\n"a ""b""",2\n', "colour;seed\nred;1\n"),
    ),
    "events": TextParser(events, (), (EVENTS,)),
    "chat stream": TextParser(chat, (AijobsError, EndpointProblem), (FRAMES,)),
    "JSON of a language model": TextParser(
        lambda text: asyncio.run(read_json_answer(text, ["name", "price"])), (NotJson,), (ANSWER,)
    ),
    "catalogue": TextParser(Catalogue.parse, (ValueError,), (read("aijobs/domain/catalogue.toml")[:6000],)),
    "declared provider": TextParser(read_declaration, (DeclarationError,), (read("tests/providers/acme.toml"),)),
    "places of a declared request": TextParser(declared_places, (), ("/v1/{id}/x", "{a.b}", "Bearer {token}")),
    "template": TextParser(
        lambda text: parse_template("contract_en", text),
        (ValueError,),
        (read("aijobs/adapters/documents/samples/contract_en.toml"),),
    ),
    "stages of a prompt": TextParser(
        lambda text: split(text, StageSettings()), (BadInput,), ("# Step 1\nRead.\n# Step 2\nWrite.", "第一步\n第二步")
    ),
    "cells of a table": TextParser(cells, (), ("1,234.50", "2026年11月21日", "yes", "-3e2")),
    "format of a number": TextParser(number_format, (), ("#,##0.00;[Red](0)", "yyyy-mm-dd hh:mm", '0.0%" x"')),
    "amount": TextParser(amounts, (ValidationError,), ("0.05", "1E-9")),
    "cell for a spreadsheet": TextParser(tables, (), ("=1+1", "@x")),
    "text for a terminal": TextParser(lambda text: (one_line(text), lines(text)), (), ("a\tb",)),
}

#: Texts that once broke a parser, with its name.
KNOWN: Final[tuple[tuple[str, str], ...]] = (
    ("duration", "9" * 400 + "d"),
    ("token", "\ud800"),
    ("declared provider", f"label = {'9' * 5000}"),
    ("declared provider", "label = " + "[" * 5000),
    ("template", f"name = {'9' * 5000}"),
    ("catalogue", 'models = "none"'),
    ("catalogue", "[models]\na = 3"),
)
