"""The recognising process: reads a request from its standard input, and prints each page as soon as it is done.

It has limits of its own: recognising takes more memory and time than parsing, and a page that breaks them loses itself
only.
"""

import resource
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from PIL import Image

from aijobs.adapters.documents.texts.page_layout import LaidOut, Word, laid_out
from aijobs.adapters.documents.texts.pdf.page_words import joined_directions
from aijobs.adapters.documents.texts.pieces import placed
from aijobs.adapters.documents.texts.recognition.engine import Recognition, RecognitionEngine
from aijobs.adapters.documents.texts.recognition.page_request import RecognisedPage, RecognitionRequest
from aijobs.adapters.documents.texts.recognition.picture_pages import KnownText, PagePictures
from aijobs.adapters.process_guards import die_with_parent, limit_process, yield_to_parent
from aijobs.domain.errors import BadInput

MAX_WRITTEN_BYTES: Final = 16 * 1024**2
MAX_DOUBTFUL: Final = 20  #: lines that are named, of a page
KNOWN_SHARE: Final = 0.3  #: of a recognised line's width: more within known words, and it is known

NOTHING: Final = "nothing is recognised in it"
UNSURE: Final = "it cannot be read with certainty: too blurred, handwritten, or in a script that we do not know"
TOO_MUCH: Final = "it needs too much memory to be read"


def main() -> None:
    die_with_parent()
    request = RecognitionRequest.model_validate_json(sys.stdin.buffer.read())
    limit_process(
        memory_bytes=request.settings.memory_bytes,
        processor_time=(len(request.pages) + 1) * request.settings.processor_time,
        written_bytes=MAX_WRITTEN_BYTES,
    )
    yield_to_parent()
    for page in run(request):
        sys.stdout.write(page.model_dump_json() + "\n")
        sys.stdout.flush()


def run(request: RecognitionRequest) -> Iterator[RecognisedPage]:
    """Recognise page by page. An error of a page is part of its result."""
    engine = RecognitionEngine(max_side=request.settings.max_side)
    pictures = PagePictures(request.path, password=request.password)
    for number in request.pages:
        _allow_another_page(request.settings.processor_time.total_seconds())
        try:
            picture, scale, known = pictures.page(number)
            yield _recognised(engine, number, picture, scale, known, request.settings.min_score)
        except BadInput as refused:
            yield RecognisedPage(page=number, problem=str(refused))
        except MemoryError:
            yield RecognisedPage(page=number, problem=TOO_MUCH)


def _allow_another_page(seconds: float) -> None:
    """Processor time, beyond what is used up."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
    allowed = round(used.ru_utime + used.ru_stime + seconds) + 1
    if soft != resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_CPU, (min(allowed, hard), hard))


def _recognised(
    engine: RecognitionEngine, number: int, picture: Image.Image, scale: float, known: KnownText | None, least: float
) -> RecognisedPage:
    found = engine.recognised(picture)
    if known is not None:
        whole = _beside(known, found, scale, least)
        return RecognisedPage(page=number, text=whole.text, words=placed(whole.words))
    if not found.words:
        return RecognisedPage(page=number, problem=NOTHING)
    if found.score < least:
        return RecognisedPage(page=number, problem=UNSURE)
    doubtful = [word.text for word, score in zip(found.words, found.scores, strict=True) if score < least]
    whole = laid_out(found.words)
    return RecognisedPage(
        page=number, text=whole.text, words=placed(whole.words), doubtful=tuple(doubtful[:MAX_DOUBTFUL])
    )


def _beside(known: KnownText, found: Recognition, scale: float, least: float) -> LaidOut:
    """The text of a page, and what its pictures say besides where that is read with certainty."""
    words = [*known.upright]
    if found.turn == 0:
        recognised = (
            _in_points(word, scale) for word, score in zip(found.words, found.scores, strict=True) if score >= least
        )
        words += [word for word in recognised if _covered(word, known.upright) <= KNOWN_SHARE]
    return joined_directions([laid_out(words), *known.sideways])


def _in_points(word: Word, scale: float) -> Word:
    return Word(word.text, word.x0 / scale, word.y0 / scale, word.x1 / scale, word.y1 / scale, word.on_page)


def _covered(word: Word, others: Sequence[Word]) -> float:
    """The share of the word's width that known words on its line cover."""
    middle = (word.y0 + word.y1) / 2
    return sum(_overlaps(word, middle, others)) / max(word.x1 - word.x0, 1e-3)


def _overlaps(word: Word, middle: float, others: Iterable[Word]) -> Iterator[float]:
    for other in others:
        if other.y0 <= middle <= other.y1 or word.y0 <= (other.y0 + other.y1) / 2 <= word.y1:
            yield max(0.0, min(word.x1, other.x1) - max(word.x0, other.x0))


if __name__ == "__main__":
    main()
