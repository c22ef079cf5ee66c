"""No body is an error of ours, whatever is in it, on any route."""

import asyncio
import re
from collections.abc import Iterator

import pytest

from aijobs.persistence.points.ledger import set_limit
from tests.api.installation import ApiUnderTest
from tests.api.parameters import all_routes
from tests.patience import PATIENCE

JSON_BODIES = (
    b"null",
    b"[]",
    b"{}",
    b'"x"',
    b"0",
    b"true",
    b"",
    b"{",
    b'{"user_id": null}',
    b'{"user_id": 1e300}',
    b'{"user_id": 99999999999999999999999999}',
    b'{"user_id": {"a": 1}}',
    b'{"user_id": "\\ud800"}',
    b'{"": 1}',
    b'{"__proto__": {"a": 1}, "constructor": 1}',
    b'{"params": null, "model_id": null}',
    b'{"params": {"image": {"$ref": "#"}}, "model_id": "replicate_imageupscale_v1"}',
    b'{"params": [1], "model_id": ["x"], "type": 7}',
    b'{"model_id": "replicate_imageupscale_v1", "params": {"image": "https://[::1"}}',
    b'{"model_id": "replicate_imageupscale_v1", "params": {"image": "https://e:99999/x", "upscale_factor": -0.0}}',
    b'{"url": "https://[", "events": ["x"]}',
    b'{"url": "http://user:pass@127.0.0.1:0/", "events": []}',
    b'{"key": "aijobs_service_0_0"}',
    b'{"name": "x", "prompt": "x", "columns": [{"name": "a"}, {"name": "a"}], "stages": []}',
    b'{"name": "\xe2\x80\xae", "prompt": "\xe9\x98\xb6\xe6\xae\xb5999999999999999999999", "columns": null}',
    b'{"decision": "attach", "ref": {"id": 1}}',
    b"[" * 500,
    b"1" * 5000,
    b"-",
    b"\xff\xfe{\x00}\x00",
    b"\xef\xbb\xbf{}",
    b'{"a": 1, "a": 2}',
    b"NaN",
)
BOUNDARY = b"multipart/form-data; boundary=b"
FORMS = (
    (b"multipart/form-data", b"--b--\r\n"),
    (b"multipart/form-data; boundary=", b"----\r\n"),
    (b"multipart/form-data; boundary=" + b"b" * 300, b"--b--"),
    (b'multipart/form-data; boundary="b', b"--b--\r\n"),
    (BOUNDARY, b""),
    (BOUNDARY, b"--b--\r\n"),
    (BOUNDARY, b"--c--\r\n"),
    (BOUNDARY, b"--b\r\n\r\nx\r\n--b--\r\n"),
    (BOUNDARY, b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n"),
    (BOUNDARY, b'--b\r\nContent-Disposition: form-data; name=""\r\n\r\nx\r\n--b--\r\n'),
    (BOUNDARY, b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nx\r\n--b--\r\n'),
    (BOUNDARY, b'--b\r\nContent-Disposition: form-data; name="file"; filename="a\x00b"\r\n\r\nx\r\n--b--\r\n'),
    (BOUNDARY, b'--b\r\nContent-Disposition: form-data; name="file"; filename=""\r\n\r\n\r\n--b--\r\n'),
    (BOUNDARY, b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename*=UTF-8''%ff\r\n\r\nx\r\n--b--\r\n"),
    (BOUNDARY, b'--b\r\nContent-Disposition: form-data; name="photo"; filename="\xff"\r\n\r\n\xff\xd8\r\n--b--\r\n'),
    (BOUNDARY, b'--b\r\nContent-Disposition: form-data; name="user_id"; filename="x"\r\n\r\nx\r\n--b--\r\n'),
    (BOUNDARY, b'--b\r\nContent-Disposition: form-data; name="user_id"\r\n\r\n\xff\xff\r\n--b--\r\n'),
    (BOUNDARY, b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n' * 50 + b"--b--\r\n"),
    (BOUNDARY, b'--b\r\nContent-Disposition: form-data; name="' + b"n" * 9000 + b'"\r\n\r\nx\r\n--b--\r\n'),
    (BOUNDARY, b"--b\r\n" + b"X: y\r\n" * 500 + b"\r\nx\r\n--b--\r\n"),
    (BOUNDARY + b"; charset=nothing", b'--b\r\nContent-Disposition: form-data; name="user_id"\r\n\r\nx\r\n--b--\r\n'),
    (BOUNDARY + b"; charset=undefined", b'--b\r\nContent-Disposition: form-data; name="user_id"\r\n\r\nx\r\n--b--\r\n'),
    (BOUNDARY + b"; charset=punycode", b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n\xff\r\n--b--\r\n'),
    (BOUNDARY, b'--b\r\nContent-Disposition: form-data; name="_charset_"\r\n\r\nutf-7\r\n--b--\r\n'),
    (b"application/x-www-form-urlencoded", b"a=%ff&b=%00&user_id=%20&" + b"x=1&" * 50),
    (b"application/x-www-form-urlencoded; charset=nothing", b"key=%00"),
    (b"application/x-www-form-urlencoded", b"=&=&&"),
    (b"text/plain; charset=\xff", b"x"),
    (b"", b"x"),
    (b"/", b"{}"),
    (b"application/json; charset=utf-16", b"{}"),
    (b"application/json, application/json", b"{}"),
)


def writing_routes() -> Iterator[tuple[str, str]]:
    for method, path in all_routes():
        if method in {"POST", "PUT", "PATCH", "DELETE"}:
            yield method, path


@pytest.mark.parametrize(("method", "path"), sorted(set(writing_routes())), ids=str)
async def test_no_body_is_an_error_of_ours(shared_api: ApiUnderTest, method: str, path: str) -> None:
    bodies = [(b"application/json", body) for body in JSON_BODIES] + list(FORMS)
    await shared_api.dependencies.database.write(set_limit, "ada", 1_000_000)
    code = await shared_api.job("ada")
    address = re.sub("{[^}]*}", lambda found: {"{code}": code}.get(found[0], "contract_zh"), path)
    for content_type, body in bodies:
        headers = [(b"Content-Type", content_type), (b"Aijobs-User", b"ada")]
        async with asyncio.timeout(PATIENCE):
            answer = await shared_api.http.request(method, address, content=body, headers=headers)
        assert answer.status_code < 500, (content_type, body[:100], answer.text[:300])
