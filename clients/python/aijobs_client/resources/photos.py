"""Photos: reviewed and beautified."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote

from aijobs_client.call import Call
from aijobs_client.models import File, Job, Page
from aijobs_client.operations import PAGE, get, idempotent_post, nothing, upload, upload_key
from aijobs_client.resources.document_models import BeautifiedPhoto, PhotoReview

REVIEWS: Final = "/api/photo-reviews"

T = TypeVar("T")


class Photos(ABC):
    """Methods of Client."""

    @abstractmethod
    def _send(self, call: Call[T]) -> T: ...

    @abstractmethod
    def _pages(self, call: Callable[[str | None], Call[Page[T]]]) -> Iterator[T]: ...

    def review_photo(self, photo: Path | str | File, *, idempotency_key: str | None = None) -> PhotoReview:
        """Have a photo reviewed: a path, which is uploaded first, or an upload. Raises OSError.

        Its `job_code` is the job to wait for; `photo_review` has the analysis then.
        """
        file = photo if isinstance(photo, File) else self._send(_upload(photo, idempotency_key))
        return self._send(_review(file, idempotency_key))

    def photo_reviews(self) -> Iterator[PhotoReview]:
        """Newest first."""
        return self._pages(_list)

    def photo_review(self, code: str) -> PhotoReview:
        """With its jobs, the newest first."""
        return self._send(get(_path(code), PhotoReview))

    def beautify_photo(
        self,
        code: str,
        model_id: str,
        params: Mapping[str, Any] | None = None,
        *,
        output_count: int = 1,
        idempotency_key: str | None = None,
    ) -> Job:
        """Have the photo of a review beautified, by a job like any other. `params` are without the photo."""
        return self._send(_beautify(code, model_id, params, output_count, idempotency_key))

    def beautified_photos(self, code: str) -> Iterator[BeautifiedPhoto]:
        """The oldest first."""
        return self._pages(_beautified(code))

    def delete_photo_review(self, code: str) -> None:
        """Delete the review with its photo, its jobs and the beautified photos. Raises ApiError `still_in_use`."""
        self._send(_delete(code))


class AsyncPhotos(ABC):
    """Methods of AsyncClient, as those of Photos."""

    @abstractmethod
    async def _send(self, call: Call[T]) -> T: ...

    @abstractmethod
    def _pages(self, call: Callable[[str | None], Call[Page[T]]]) -> AsyncIterator[T]: ...

    async def review_photo(self, photo: Path | str | File, *, idempotency_key: str | None = None) -> PhotoReview:
        """Have a photo reviewed: a path, which is uploaded first, or an upload. Raises OSError.

        Its `job_code` is the job to wait for; `photo_review` has the analysis then.
        """
        file = photo if isinstance(photo, File) else await self._send(_upload(photo, idempotency_key))
        return await self._send(_review(file, idempotency_key))

    async def photo_reviews(self) -> AsyncIterator[PhotoReview]:
        """Newest first."""
        async for one in self._pages(_list):
            yield one

    async def photo_review(self, code: str) -> PhotoReview:
        """With its jobs, the newest first."""
        return await self._send(get(_path(code), PhotoReview))

    async def beautify_photo(
        self,
        code: str,
        model_id: str,
        params: Mapping[str, Any] | None = None,
        *,
        output_count: int = 1,
        idempotency_key: str | None = None,
    ) -> Job:
        """Have the photo of a review beautified, by a job like any other. `params` are without the photo."""
        return await self._send(_beautify(code, model_id, params, output_count, idempotency_key))

    async def beautified_photos(self, code: str) -> AsyncIterator[BeautifiedPhoto]:
        """The oldest first."""
        async for one in self._pages(_beautified(code)):
            yield one

    async def delete_photo_review(self, code: str) -> None:
        """Delete the review with its photo, its jobs and the beautified photos. Raises ApiError `still_in_use`."""
        await self._send(_delete(code))


def _path(code: str, suffix: str = "") -> str:
    return f"{REVIEWS}/{quote(code, safe='')}{suffix}"


def _upload(photo: Path | str, idempotency_key: str | None) -> Call[File]:
    return upload(Path(photo), idempotency_key=upload_key(idempotency_key, "photo"))


def _review(file: File, idempotency_key: str | None) -> Call[PhotoReview]:
    return idempotent_post(REVIEWS, PhotoReview, idempotency_key, body={"file": file.code})


def _list(cursor: str | None) -> Call[Page[PhotoReview]]:
    return get(REVIEWS, Page[PhotoReview], {"cursor": cursor, "limit": PAGE})


def _beautify(
    code: str, model_id: str, params: Mapping[str, Any] | None, output_count: int, idempotency_key: str | None
) -> Call[Job]:
    body = {"model_id": model_id, "params": dict(params or {}), "output_count": output_count}
    return idempotent_post(_path(code, "/beautify"), Job, idempotency_key, body=body)


def _beautified(code: str) -> Callable[[str | None], Call[Page[BeautifiedPhoto]]]:
    path = _path(code, "/beautified")
    return lambda cursor: get(path, Page[BeautifiedPhoto], {"cursor": cursor, "limit": PAGE})


def _delete(code: str) -> Call[None]:
    return Call(method="DELETE", path=_path(code), read=nothing, is_safe=False)
