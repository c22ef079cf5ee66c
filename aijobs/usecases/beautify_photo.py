"""Beautifying a reviewed photo with an image-to-image model."""

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

PICTURES: Final = "image"  #: the media of a beautifying model's file parameter


class BeautifyRequest(BaseModel):
    """The model and its parameters, except for the photo, which is the review's."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    model_id: str = Field(max_length=100, examples=["replicate_imageupscale_v1"])
    params: dict[str, Any] = Field(default={}, examples=[{"enhance_model": "Standard V2", "upscale_factor": 2}])
    output_count: int = Field(default=1, ge=1, strict=True)


@dataclass(frozen=True, kw_only=True)
class BeautifyPhoto:
    """Accepts a job that beautifies the photo; the review names it while it runs."""

    database: Database
    models: AvailableModels
    accept: AcceptJob

    async def __call__(
        self, code: str, request: BeautifyRequest, actor: Actor, *, idempotency_key: str | None = None
    ) -> Receipt:
        """The receipt of a job that beautifies the photo; a second call with the same key returns the first one.

        Checked in this order, each with its errors: the photo's owner (NotFound), its ability
        (PhotoCannotBeBeautified, PhotoIsBeingBeautified), the model (UnknownModel, ModelNotConfigured,
        ModelCannotBeautify, InvalidParameters), and the points (PointsExhausted).
        """
        review = await self.database.read(review_of, code, user_id=actor.user_id)
        owner, order = actor.on_behalf_of(review.user_id), self._order(review, request)
        claim = self.accept.claim(order, owner, idempotency_key)
        if first := await first_receipt(self.database, claim):
            return first
        await self.database.read(require_beautifiable, review)
        self._check_model(request)
        return await self.accept(order, owner, idempotency_key=idempotency_key, in_transaction=begin_beautify)

    def _order(self, review: PhotoReviewRow, request: BeautifyRequest) -> JobRequest:
        """A job request with the photo as the model's image parameter."""
        name = image_parameter(self.models, request.model_id)
        return JobRequest(
            model_id=request.model_id,
            params=request.params if name is None else {**request.params, name: review.file_code},
            output_count=request.output_count,
            photo_review_analysis_code=review.code,
            user_id=review.user_id,
        )

    def _check_model(self, request: BeautifyRequest) -> None:
        model = self.models.model(request.model_id)
        self.models.configured_adapter(model)
        name = image_parameter(self.models, request.model_id)
        if name is None:
            listed = ", ".join(known.model_id for known in beautifiers(self.models)) or "none is configured"
            field = FieldError("/model_id", f"{model.model_name} makes no picture of a photo. Those that do: {listed}.")
            raise ModelCannotBeautify("This model cannot beautify a photo.", field)
        if name in request.params:
            field = FieldError(f"/params/{name}", "The photo is the review's own; leave this out.")
            raise InvalidParameters("Some parameters are wrong.", field)


def beautifiers(models: AvailableModels) -> list[Model]:
    """The configured models that can beautify a photo."""
    return [model for model in models if image_parameter(models, model.model_id) is not None]


def image_parameter(models: AvailableModels, model_id: str) -> str | None:
    """The image parameter of an image-to-image model; None for other models, and without the provider's key."""
    if model_id not in models:
        return None
    model = models.model(model_id)
    parameters = models.parameters_of(model)
    if parameters is None or model.output_kind is not OutputKind.IMAGE:
        return None
    return next((name for name, mark in parameters.file_fields().items() if mark.media == PICTURES), None)
