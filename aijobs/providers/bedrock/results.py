"""The results of an invocation: objects in S3, which Bedrock has written below the place that the request named."""

import mimetypes
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import quote, urlencode

from lxml import etree

from aijobs.adapters.network.aws_signature import signed_link
from aijobs.adapters.network.http_client import HttpClient, HttpReply
from aijobs.domain.errors import ProviderUnavailable
from aijobs.domain.jobs.outputs import OutputKind, OutputSource
from aijobs.providers.bedrock.settings import S3_URI, BedrockSettings

LINK_LIFETIME: Final = timedelta(hours=6)
MOST_OBJECTS: Final = 1_000  #: of one listing; a video of two minutes has some twenty shots
RESULT: Final = "output"  #: the name, without its ending, of the result that others beside it are parts of
_KINDS: Final = {"image": OutputKind.IMAGE, "video": OutputKind.VIDEO, "audio": OutputKind.AUDIO}
_XML: Final = etree.XMLParser(resolve_entities=False, no_network=True)


class StoredResults:
    """Reads what Bedrock has written. `http` signs for S3."""

    def __init__(self, settings: BedrockSettings, http: HttpClient) -> None:
        self._settings = settings
        self._http = http

    async def below(self, uri: str) -> list[OutputSource]:
        """The results in order, as links that are signed for a while. Raises ProviderUnavailable."""
        place = S3_URI.fullmatch(uri)
        if place is None:
            raise ProviderUnavailable(f"Bedrock says that the results are at {uri[:200]!r}, which is no place in S3.")
        bucket, prefix = self._settings.bucket_url(place["bucket"]), (place["prefix"] or "").strip("/")
        query = {"list-type": "2", "max-keys": str(MOST_OBJECTS), "prefix": f"{prefix}/" if prefix else ""}
        reply = await self._http.call("GET", f"{bucket}?{urlencode(query, quote_via=quote)}", headers={})
        return [self._source(bucket, key) for key in results_among(_keys_in(reply))]

    def _source(self, bucket: str, key: str) -> OutputSource:
        url = f"{bucket}/{quote(key)}"
        return OutputSource(
            kind=_kind_of(key),
            url=signed_link(self._settings.keys, url, region=self._settings.region, lifetime=LINK_LIFETIME),
            expires_at=datetime.now(UTC) + LINK_LIFETIME,
        )


def results_among(keys: list[str]) -> list[str]:
    """`output.*` where it is there, whose shots and manifest lie beside it; else everything that is no JSON."""
    named = [key for key in keys if PurePosixPath(key).stem == RESULT]
    return named or [key for key in sorted(keys) if PurePosixPath(key).suffix not in {".json", ""}]


def _kind_of(key: str) -> OutputKind:
    media_type, _ = mimetypes.guess_type(key)
    if media_type == "application/json":
        return OutputKind.JSON
    return _KINDS.get((media_type or "").partition("/")[0], OutputKind.OTHER)


def _keys_in(reply: HttpReply) -> list[str]:
    """The keys in a `ListBucketResult`. Raises ProviderUnavailable for any other answer."""
    try:
        document = etree.fromstring(reply.body, _XML)
    except (etree.XMLSyntaxError, ValueError):
        raise ProviderUnavailable(f"S3 answered {reply.status}, and nothing readable.") from None
    if not reply.ok or etree.QName(document).localname != "ListBucketResult":
        reason = document.findtext("{*}Code") or document.findtext("Code") or "nothing readable"
        raise ProviderUnavailable(f"S3 answered {reply.status} when the results were looked for: {reason}")
    return [key for key in document.xpath("//*[local-name()='Contents']/*[local-name()='Key']/text()") if key]
