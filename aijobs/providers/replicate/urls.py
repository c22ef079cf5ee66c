"""Replicate's URLs, and which of them may receive our key: its API and its file server only."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote, urlencode

from aijobs.domain.jobs.submissions import Ref

#: Replicate documents that downloads need the key; only some of its own clients send it.
_DELIVERY: Final = re.compile(r"https://([a-z0-9-]+\.)*replicate\.delivery/")

RefOf = Callable[[str, Mapping[str, Any] | None], Ref]


class ReplicateUrls:
    """URLs below one base URL. Links in responses are used only if they are below it too."""

    def __init__(self, base_url: str) -> None:
        self._origin = f"{base_url.rstrip('/')}/"
        self._api = f"{self._origin}v1/"

    @property
    def files(self) -> str:
        return f"{self._api}files"

    def predictions_of(self, model: str) -> str:
        """The create endpoint of official models; `model` is `owner/name`."""
        return f"{self._api}models/{quote(model)}/predictions"

    @property
    def predictions(self) -> str:
        """The create endpoint of versions."""
        return f"{self._api}predictions"

    def model(self, model: str) -> str:
        """The description of a model; `model` is `owner/name`."""
        return f"{self._api}models/{quote(model)}"

    def version(self, model: str, version: str) -> str:
        return f"{self.model(model)}/versions/{version}"

    def created_between(self, since: datetime, until: datetime) -> str:
        """The list of predictions, newest first."""
        bounds = {"created_after": since.isoformat(), "created_before": until.isoformat()}
        return f"{self._api}predictions?{urlencode(bounds)}"

    def ref(self, prediction_id: str, urls: Mapping[str, Any] | None) -> Ref:
        """The stored reference. Some or all links may be missing in old recordings."""
        named = {"id": prediction_id, **{name: (urls or {}).get(name) for name in ("get", "cancel")}}
        return {"id": prediction_id, "get": self.get(named), "cancel": self.cancel(named)}

    def get(self, ref: Ref) -> str:
        return self._own(ref.get("get")) or self._prediction(ref)

    def cancel(self, ref: Ref) -> str:
        return self._own(ref.get("cancel")) or f"{self._prediction(ref)}/cancel"

    def next_page(self, page: Mapping[str, Any]) -> str | None:
        return self._own(page.get("next"))

    def may_receive_key(self, url: str) -> bool:
        return url.startswith(self._origin) or _DELIVERY.match(url) is not None

    def _own(self, url: object) -> str | None:
        return url if isinstance(url, str) and url.startswith(self._origin) else None

    def _prediction(self, ref: Ref) -> str:
        return f"{self._api}predictions/{quote(ref['id'], safe='')}"
