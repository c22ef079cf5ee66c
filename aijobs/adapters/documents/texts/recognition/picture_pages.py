"""Pages as pictures: of a PDF, or of a picture file, which may have several (TIFF)."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pi_heif
from PIL import Image, ImageOps, ImageSequence, PngImagePlugin

from aijobs.adapters.documents.texts.page_layout import LaidOut, Word
from aijobs.adapters.documents.texts.pdf.document import opened_page, opened_pdf
from aijobs.adapters.documents.texts.pdf.page_content import PageContent
from aijobs.adapters.documents.texts.pdf.page_words import PageText
from aijobs.adapters.documents.texts.pieces import PictureOfPage
from aijobs.domain.errors import FileTooLarge, UnreadableFile

DOTS_PER_INCH: Final = 200
POINTS_PER_INCH: Final = 72
MAX_PIXELS: Final = 50_000_000
MAX_SIDE: Final = 4000  #: pixels of a page's picture; larger ones are made smaller
MAX_FRAMES: Final = 5000
METADATA_BYTES: Final = 64 * 1024**2  #: of a PNG's profile and texts, which are not read; Pillow takes 1 MiB
PICTURE_FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "AVIF", "HEIF")


def picture_pieces(path: Path) -> Iterator[PictureOfPage | str]:
    """Every page of the file, to be recognised, with its number before it when there are several.

    Raises UnreadableFile and FileTooLarge.
    """
    with _opened_picture(path) as picture:
        frames = _frames_of(picture)
    for number in range(1, frames + 1):
        if frames > 1:
            yield f"[page {number}]"
        yield PictureOfPage(number=number)


@dataclass(frozen=True, kw_only=True)
class KnownText:
    """What a PDF says of a page that has pictures besides. `upright` words are in points, from the upper left."""

    upright: list[Word]
    sideways: list[LaidOut]


class PagePictures:
    """The pictures of a file's pages, by their numbers from 1."""

    def __init__(self, path: Path, *, password: str | None) -> None:
        self._path = path
        self._password = password
        with path.open("rb") as file:
            self._is_pdf = b"%PDF-" in file.read(1024)

    def page(self, number: int) -> tuple[Image.Image, float, KnownText | None]:
        """The picture in RGB, its pixels in a point, and the text that is known from the PDF; None for a scan.

        Raises UnreadableFile and FileTooLarge.
        """
        if self._is_pdf:
            return self._rendered(number)
        with _opened_picture(self._path) as picture:
            picture.seek(number - 1)
            upright = ImageOps.exif_transpose(picture)
            flat = _on_white(upright)
            flat.thumbnail((MAX_SIDE, MAX_SIDE))
            return flat, 1.0, None

    def _rendered(self, number: int) -> tuple[Image.Image, float, KnownText | None]:
        with opened_pdf(self._path, self._password) as document, opened_page(document, number) as page:
            width, height = page.get_size()
            scale = min(DOTS_PER_INCH / POINTS_PER_INCH, MAX_SIDE / max(width, height, 1.0))
            picture = page.render(scale=scale).to_pil().convert("RGB")
            text = PageText(page)
            if PageContent.of(page).is_picture(text):
                return picture, scale, None
            return picture, scale, KnownText(upright=text.upright, sideways=[*text.sideways()])


@contextmanager
def _opened_picture(path: Path) -> Iterator[Any]:
    pi_heif.register_heif_opener()
    PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY = METADATA_BYTES
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=PICTURE_FORMATS) as picture:
                if picture.width * picture.height > MAX_PIXELS:
                    raise FileTooLarge(f"The picture has more than {MAX_PIXELS:,} pixels, the most that we take.")
                yield picture
    except Image.DecompressionBombError as bomb:
        raise FileTooLarge(f"The picture has more than {MAX_PIXELS:,} pixels, the most that we take.") from bomb
    except (OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, ArithmeticError) as damage:
        raise UnreadableFile("The picture is damaged or incomplete.") from damage


def _frames_of(picture: Any) -> int:
    """Pages of a TIFF. Frames of an animation, and a phone's second picture, are no pages."""
    if picture.format != "TIFF":
        return 1
    frames = sum(1 for _ in ImageSequence.Iterator(picture))
    if frames > MAX_FRAMES:
        raise FileTooLarge(f"The picture has {frames:,} pages; {MAX_FRAMES:,} is the most that we take.")
    return frames


def _on_white(picture: Image.Image) -> Image.Image:
    if picture.has_transparency_data:
        layered = picture.convert("RGBA")
        ground = Image.new("RGBA", layered.size, "white")
        return Image.alpha_composite(ground, layered).convert("RGB")
    if picture.mode.startswith("I"):  # 16 bits of a grey
        return picture.point(lambda value: value / 256).convert("L").convert("RGB")
    return picture.convert("RGB")
