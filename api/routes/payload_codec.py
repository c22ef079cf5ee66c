"""`/codec`: Temporal's remote codec protocol, for its Web UI and its command line to show what is encrypted there."""

import base64
import binascii
from typing import Annotated, Final

from fastapi import APIRouter, Depends
from pydantic import Base64Encoder, BaseModel, ConfigDict, EncodedBytes, Field
from pydantic_core import PydanticCustomError
from starlette.requests import HTTPConnection
from temporalio.api.common.v1 import Payload

from api.auth.caller import PayloadReader
from api.problems import problem_responses
from api.requests.strict_json import StrictRoute
from workflows.data_converter import EncryptingCodec

PROBLEMS: Final = problem_responses(400, 401, 403, 413, 415, 422)

router = APIRouter(prefix="/codec", tags=["operations"], route_class=StrictRoute)


class _StrictBase64(Base64Encoder):
    """Python's own skips what is no letter of base64."""

    @classmethod
    def decode(cls, data: bytes) -> bytes:
        try:
            return base64.b64decode(data, validate=True)
        except binascii.Error:
            raise PydanticCustomError("base64", "Must be base64.") from None


Base64 = Annotated[bytes, EncodedBytes(encoder=_StrictBase64)]


class CodecPayload(BaseModel):
    """A payload as Temporal writes it in JSON: the values of `metadata` and `data` are base64."""

    model_config = ConfigDict(extra="ignore")

    metadata: dict[str, Base64] = Field(default_factory=dict)
    data: Base64 = b""

    def message(self) -> Payload:
        return Payload(metadata=self.metadata, data=self.data)

    @classmethod
    def of(cls, payload: Payload) -> "CodecPayload":
        return cls.model_construct(metadata=dict(payload.metadata), data=payload.data)


class CodecPayloads(BaseModel):
    """What is asked for, and the answer: as many payloads, in the same order."""

    model_config = ConfigDict(extra="ignore")

    payloads: list[CodecPayload] = Field(default_factory=list)


async def _codec(connection: HTTPConnection) -> EncryptingCodec:
    return EncryptingCodec(connection.app.state.dependencies.payload_keys)


Codec = Annotated[EncryptingCodec, Depends(_codec)]


@router.post("/decode", summary="Decrypt payloads of Temporal", responses=PROBLEMS)
async def decode_payloads(body: CodecPayloads, codec: Codec, _: PayloadReader) -> CodecPayloads:
    """With keys in `AIJOBS_PAYLOADS__KEYS`; what is not encrypted is returned as it is."""
    opened = await codec.decode([payload.message() for payload in body.payloads])
    return CodecPayloads(payloads=[CodecPayload.of(payload) for payload in opened])


@router.post("/encode", summary="Encrypt payloads for Temporal", responses=PROBLEMS)
async def encode_payloads(body: CodecPayloads, codec: Codec, _: PayloadReader) -> CodecPayloads:
    """With the first of the keys, as a worker does: for input that an operator types. Without keys nothing changes."""
    sealed = await codec.encode([payload.message() for payload in body.payloads])
    return CodecPayloads(payloads=[CodecPayload.of(payload) for payload in sealed])
