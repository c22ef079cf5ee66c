"""fal's URLs: of the queue, the files, the lists and the schemas. Only the first three receive our key."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote, urlencode

from aijobs.domain.jobs.submissions import Ref

NAMESPACES: Final = frozenset({"workflows", "comfy"})  #: they precede the owner
URLS: Final = ("status_url", "response_url", "cancel_url")


class FalUrls:
    """URLs below the configured ones. A link of an answer is used only if it is below the queue's."""

    def __init__(self, *, queue: str, rest: str, platform: str, schema: str) -> None:
        self._queue, self._rest, self._platform = (f"{url.rstrip('/')}/" for url in (queue, rest, platform))
        self._schema = schema

    @property
    def webhook_keys(self) -> str:
        return f"{self._rest}.well-known/jwks.json"

    @property
    def new_upload(self) -> str:
        return f"{self._rest}storage/upload/initiate?storage_type=fal-cdn-v3"

    def submit(self, endpoint: str, *, webhook: str | None) -> str:
        query = f"?{urlencode({'fal_webhook': webhook})}" if webhook else ""
        return f"{self._queue}{quote(endpoint)}{query}"

    def endpoint_in(self, url: str) -> str | None:
        """The endpoint that a submit went to."""
        path = url.partition("?")[0]
        return path.removeprefix(self._queue) if path.startswith(self._queue) else None

    def schema(self, endpoint: str) -> str:
        return f"{self._schema}?{urlencode({'endpoint_id': endpoint})}"

    def finished(self, endpoint: str, since: datetime, until: datetime, *, cursor: str | None) -> str:
        """The list of an endpoint's finished requests, with what went in."""
        query = {
            "endpoint_id": endpoint,
            "start": since.isoformat(),
            "end": until.isoformat(),
            "limit": "100",
            "expand": "payloads",
            **({"cursor": cursor} if cursor else {}),
        }
        return f"{self._platform}models/requests/by-endpoint?{urlencode(query)}"

    def ref(self, request_id: str, endpoint: str | None, urls: Mapping[str, Any]) -> Ref | None:
        """The stored reference: the URLs as fal gave them, or as it would; None when there is nothing to ask."""
        built = self._built(request_id, endpoint) if endpoint else {}
        given = {name: url for name in URLS if isinstance(url := urls.get(name), str) and url.startswith(self._queue)}
        chosen = {**built, **given}
        return {"id": request_id, **{name: chosen[name] for name in URLS}} if len(chosen) == len(URLS) else None

    def _built(self, request_id: str, endpoint: str) -> dict[str, str]:
        parts = endpoint.split("/")
        owned = "/".join(parts[: 3 if parts[0] in NAMESPACES else 2])
        request = f"{self._queue}{quote(owned)}/requests/{quote(request_id, safe='')}"
        return {"status_url": f"{request}/status", "response_url": request, "cancel_url": f"{request}/cancel"}
