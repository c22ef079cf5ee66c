"""Having a reviewed photo beautified by a model that makes pictures of pictures."""

from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from aijobs.domain.catalogue import Model
from aijobs.domain.errors import FieldError, InvalidParameters, ModelCannotBeautify
from aijobs.domain.jobs.job import JobRequest
from aijobs.domain.jobs.outputs import OutputKind
from aijobs.domain.values.actors import Actor
from aijobs.persistence.access.idempotency import Receipt
from aijobs.persistence.database import Database
from aijobs.persistence.photo_reviews import begin_beautify, require_beautifiable, review_of
from aijobs.persistence.tables import PhotoReviewRow
from aijobs.usecases.accept_job import AcceptJob
from aijobs.usecases.idempotency import first_receipt
from aijobs.usecases.models import AvailableModels

PICTURES: Final = "image"  #: what the file parameter of a model that beautifies takes


class BeautifyRequest(BaseModel):
    """By which model. The photo is the review's; `params` are the model's others."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    model_id: str = Field(max_length=100, examples=["replicate_imageupscale_v1"])
    params: dict[str, Any] = Field(default={}, examples=[{"enhance_model": "Standard V2", "upscale_factor": 2}])
    output_count: int = Field(default=1, ge=1, strict=True)


@dataclass(frozen=True, kw_only=True)
class BeautifyPhoto:
    """A job like any other, which stands in the photo's review while it runs."""

    database: Database
    models: AvailableModels
    accept: AcceptJob

    async def __call__(
        self, code: str, request: BeautifyRequest, actor: Actor, *, idempotency_key: str | None = None
    ) -> Receipt:
        """The receipt of a job that beautifies the photo; with the same key again, the first one.

        What stands against it is looked for in this order: whose photo it is (NotFound), its ability
        (PhotoCannotBeBeautified, PhotoIsBeingBeautified), the model (UnknownModel, ModelNotConfigured,
        ModelCannotBeautify, InvalidParameters), and the points (PointsExhausted).
        """
        async with self.database.read() as session:
            review = await review_of(session, code, user_id=actor.user_id)
        owner, order = actor.on_behalf_of(review.user_id), self._order(review, request)
        claim = self.accept.claim(order, owner, idempotency_key)
        if first := await first_receipt(self.database, claim):
            return first
        async with self.database.read() as session:
            await require_beautifiable(session, review)
        self._check_model(request)
        return await self.accept(order, owner, idempotency_key=idempotency_key, in_transaction=begin_beautify)

    def _order(self, review: PhotoReviewRow, request: BeautifyRequest) -> JobRequest:
        """An ordinary job, with the photo where the model takes one."""
        place = image_parameter(self.models, request.model_id)
        return JobRequest(
            model_id=request.model_id,
            params=request.params if place is None else {**request.params, place: review.file_code},
            output_count=request.output_count,
            photo_review_analysis_code=review.code,
            user_id=review.user_id,
        )

    def _check_model(self, request: BeautifyRequest) -> None:
        model = self.models.model(request.model_id)
        self.models.configured_adapter(model)
        place = image_parameter(self.models, request.model_id)
        if place is None:
            listed = ", ".join(known.model_id for known in beautifiers(self.models)) or "none is configured"
            unfit = FieldError("/model_id", f"{model.model_name} makes no picture of a photo. Those that do: {listed}.")
            raise ModelCannotBeautify("This model cannot beautify a photo.", unfit)
        if place in request.params:
            own = FieldError(f"/params/{place}", "The photo is the review's own; leave this out.")
            raise InvalidParameters("Some parameters are wrong.", own)


def beautifiers(models: AvailableModels) -> list[Model]:
    """The models that can beautify, and are configured here."""
    return [model for model in models if image_parameter(models, model.model_id) is not None]


def image_parameter(models: AvailableModels, model_id: str) -> str | None:
    """Where a model that makes pictures takes one; nothing for every other model, and without its provider's key."""
    if model_id not in models:
        return None
    model = models.model(model_id)
    parameters = models.parameters_of(model)
    if parameters is None or model.output_kind is not OutputKind.IMAGE:
        return None
    return next((name for name, mark in parameters.file_fields().items() if mark.media == PICTURES), None)
