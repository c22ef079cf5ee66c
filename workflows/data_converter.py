"""How values and failures become payloads of Temporal, for every client of ours, its workers and its replayers."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.contrib.pydantic import PydanticPayloadConverter, pydantic_data_converter
from temporalio.converter import (
    CompositePayloadConverter,
    DataConverter,
    DefaultFailureConverter,
    PayloadCodec,
    PayloadConverter,
)
from temporalio.exceptions import ApplicationError, FailureError

from aijobs.domain.errors import PayloadUnreadable
from aijobs.domain.values.payload_keys import PayloadKeys, missing_key

ENCRYPTED: Final = b"binary/encrypted"  #: the encoding of an encrypted payload, as in Temporal's own samples
KEY_ID: Final = "encryption-key-id"  #: the name of the metadata with the id of its key


class BriefFailures(DefaultFailureConverter):
    """Sends expected failures, which are application errors, without traceback and cause, and all others with both.

    A poll without news is such a failure, and a job that failed. Formatting a traceback costs more than the rest of a
    retry in the worker, and it is noise to whoever looks at a job in Temporal: type, message, details and delay say
    everything.

    An unexpected error is sent without its message, which may quote anything: libraries name the value that they could
    not read. Its type and where it was raised say enough in Temporal.
    """

    def to_failure(self, exception: BaseException, payload_converter: PayloadConverter, failure: Failure) -> None:
        if isinstance(exception, ApplicationError):
            received = exception.failure is not None  # such a one is sent on as it is
            exception = exception if received else _without_origin(exception)
        elif not isinstance(exception, FailureError | PayloadUnreadable):
            exception = _without_message(exception)
        super().to_failure(exception, payload_converter, failure)


def _without_origin(error: ApplicationError) -> ApplicationError:
    """An equal error that was never raised: it has no traceback, no cause and no context."""
    return ApplicationError(
        error.message,
        *error.details,
        type=error.type,
        non_retryable=error.non_retryable,
        next_retry_delay=error.next_retry_delay,
        category=error.category,
    )


def _without_message(error: BaseException) -> ApplicationError:
    silent = ApplicationError(f"Unexpected {type(error).__name__}.", type=type(error).__name__)
    silent.__cause__, silent.__context__ = error.__cause__, error.__context__
    silent.__suppress_context__ = error.__suppress_context__
    return silent.with_traceback(error.__traceback__)


_CONVERTERS: Final = tuple(PydanticPayloadConverter().converters.values())


class SharedConverters(CompositePayloadConverter):
    """Pydantic's converters, of which a process has one set: each keeps what it has learned of a type.

    The SDK makes a payload converter for every workflow, and two for each of its tasks.
    """

    def __init__(self) -> None:
        super().__init__(*_CONVERTERS)


DATA_CONVERTER: Final = replace(
    pydantic_data_converter,
    payload_converter_class=SharedConverters,
    failure_converter_class=BriefFailures,
)
"""Converts a value in the same way wherever it belongs: see `runners.context_free`."""


class EncryptingCodec(PayloadCodec):
    """Encrypts payloads with the first key. Those that come unencrypted, from before there were keys, pass.

    Without keys it encrypts nothing, and says of an encrypted payload which key is missing.
    """

    def __init__(self, keys: PayloadKeys | None) -> None:
        self._keys = keys

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """See PayloadCodec."""
        keys = self._keys
        if keys is None:
            return list(payloads)
        metadata = {"encoding": ENCRYPTED, KEY_ID: keys.current.encode()}
        return [Payload(metadata=metadata, data=keys.encrypt(payload.SerializeToString())) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """See PayloadCodec. Raises PayloadUnreadable."""
        return [self._opened(payload) for payload in payloads]

    def _opened(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != ENCRYPTED:
            return payload
        key_id = payload.metadata.get(KEY_ID, b"").decode("ascii", "replace")
        if self._keys is None:
            raise missing_key(key_id)
        return Payload.FromString(self._keys.decrypt(payload.data, key_id))


def data_converter(keys: PayloadKeys | None) -> DataConverter:
    """DATA_CONVERTER, which encrypts where there are keys."""
    return replace(DATA_CONVERTER, payload_codec=EncryptingCodec(keys))
