"""Decoding pictures in threads, a few at the same time: each needs the memory of its whole picture."""

import asyncio
from pathlib import Path

from aijobs.adapters.media.image_check import ImageFacts, check_image
from aijobs.adapters.media.photo_cleaning import CleanPhoto, clean_photo


class PictureThreads:
    """Implements PictureDecoder."""

    def __init__(self, *, at_once: int = 2) -> None:
        self._turns = asyncio.Semaphore(at_once)

    async def check(self, picture: Path | bytes) -> ImageFacts:
        return await asyncio.to_thread(check_image, picture)

    async def clean(self, photo: Path | bytes) -> CleanPhoto:
        async with self._turns:
            return await asyncio.to_thread(clean_photo, photo)
