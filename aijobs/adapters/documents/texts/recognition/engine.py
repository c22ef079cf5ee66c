"""Recognising the text of one picture with RapidOCR, whose package ships its models for Chinese and English.

The settings are what our measurements ask for (docs/decisions/0023-readers-of-documents.md): its defaults turn lines
upside down and lose lines of bent pages.
"""

import statistics
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from PIL import Image

from aijobs.adapters.documents.texts.page_layout import Word
from aijobs.adapters.documents.texts.recognition.missed_ink import missed_regions
from aijobs.domain.documents.page_words import PAGE_PARTS

TURNED_SHARE: Final = 0.5  #: of the boxes that stand upright: more, and the page lies on its side
TURNED_BOX: Final = 1.5  #: height by width of such a box
SURE: Final = 0.9  #: below this mean, the page may stand on its head
MIN_BOXES: Final = 3
REPLACED: Final = 0.8  #: of a word's area: more within a word that is read anew, and it is replaced
KNOWN: Final = 0.3  #: of a new word's area: more within known words, and it is no new one
MAX_SLOPE: Final = 0.2  #: of a line, that a whole page may have


@dataclass(frozen=True, kw_only=True)
class Recognition:
    """`scores`: how sure each line is, from 0 to 1. `score`: their mean, by length. `turn`: degrees, of the page.

    `slope`: of its lines, which is taken out of the words in the end.
    """

    words: list[Word]
    scores: list[float]
    score: float
    turn: int = 0
    slope: float = 0.0


class RecognitionEngine:
    """Loads its models once, which takes about a second. Not for an event loop."""

    def __init__(self, *, max_side: int, threads: int = 1) -> None:
        from rapidocr import RapidOCR  # takes a second, and memory

        self._ocr: Any = RapidOCR(
            params={
                "Global.use_cls": False,
                "Global.max_side_len": max_side,
                "Global.log_level": "error",
                "Det.score_mode": "slow",
                "Det.box_thresh": 0.3,
                "Rec.rec_batch_num": 1,
                "EngineConfig.onnxruntime.intra_op_num_threads": threads,
                "EngineConfig.onnxruntime.inter_op_num_threads": threads,
            }
        )

    def recognised(self, picture: Image.Image) -> Recognition:
        """The words of a picture in RGB, in its pixels: of the upright picture, when it lies on its side or head."""
        best, boxes = self._read(picture, 0)
        if len(boxes) >= MIN_BOXES and _standing(boxes) > TURNED_SHARE:
            best = max((self._read(picture, turn)[0] for turn in (90, 270)), key=lambda one: one.score)
        elif best.words and best.score < SURE:
            best = max(best, self._read(picture, 180)[0], key=lambda one: one.score)
        upright = picture.rotate(best.turn, expand=True) if best.turn else picture
        whole = self._with_missed(upright, best)
        words = [
            _levelled(replace(word, on_page=_shown(word, best.turn, upright.size)), whole.slope) for word in whole.words
        ]
        return replace(whole, words=words)

    def _with_missed(self, picture: Image.Image, found: Recognition) -> Recognition:
        """Looks again, and closer, where there is ink outside of what was read."""
        words, scores = [*found.words], [*found.scores]
        for region in missed_regions(picture, found.words):
            again, _ = self._read(picture.crop(region.box), 0)
            for word, score in zip(again.words, again.scores, strict=True):
                moved = Word(
                    word.text,
                    word.x0 + region.left,
                    word.y0 + region.top,
                    word.x1 + region.left,
                    word.y1 + region.top,
                )
                kept = [at for at, other in enumerate(words) if _overlap(moved, other) < REPLACED * _area(other)]
                if score < SURE or sum(_overlap(moved, words[at]) for at in kept) > KNOWN * _area(moved):
                    continue
                words, scores = [words[at] for at in kept] + [moved], [scores[at] for at in kept] + [score]
        letters = [max(1, len(word.text)) for word in words]
        score = float(np.average(scores, weights=letters)) if words else 0.0
        return replace(found, words=words, scores=scores, score=score)

    def _read(self, picture: Image.Image, turn: int) -> tuple[Recognition, Any]:
        turned = picture.rotate(turn, expand=True) if turn else picture
        # BGR, as OpenCV has it. Arguments stay with the engine for later calls, so all of them are given each time.
        result = self._ocr(np.asarray(turned)[:, :, ::-1], use_det=True, use_cls=False, use_rec=True)
        if result.boxes is None or result.txts is None:
            return Recognition(words=[], scores=[], score=0.0, turn=turn), ()
        boxes = np.asarray(result.boxes, dtype=float)
        letters = [max(1, len(text)) for text in result.txts]
        score = float(np.average(result.scores, weights=letters))
        words, scores = _words(boxes, result.txts), [float(one) for one in result.scores]
        return Recognition(words=words, scores=scores, score=score, turn=turn, slope=_slope(boxes)), boxes


def _shown(word: Word, turn: int, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The word's box in the picture as it was before it was turned to the left by `turn` degrees, in PAGE_PARTS."""
    width, height = size
    x0, y0, x1, y1 = word.x0 / width, word.y0 / height, word.x1 / width, word.y1 / height
    match turn:
        case 90:
            x0, y0, x1, y1 = 1 - y1, x0, 1 - y0, x1
        case 180:
            x0, y0, x1, y1 = 1 - x1, 1 - y1, 1 - x0, 1 - y0
        case 270:
            x0, y0, x1, y1 = y0, 1 - x1, y1, 1 - x0
    return round(PAGE_PARTS * x0), round(PAGE_PARTS * y0), round(PAGE_PARTS * x1), round(PAGE_PARTS * y1)


def _overlap(word: Word, other: Word) -> float:
    across = min(word.x1, other.x1) - max(word.x0, other.x0)
    down = min(word.y1, other.y1) - max(word.y0, other.y0)
    return max(0.0, across) * max(0.0, down)


def _area(word: Word) -> float:
    return (word.x1 - word.x0) * word.height


def _standing(boxes: Any) -> float:
    sizes = boxes.max(axis=1) - boxes.min(axis=1)
    return float(np.mean(sizes[:, 1] > TURNED_BOX * sizes[:, 0]))


def _words(boxes: Any, texts: Any) -> list[Word]:
    (left, top), (right, bottom) = boxes.min(axis=1).T, boxes.max(axis=1).T
    corners = zip(left, top, right, bottom, strict=True)
    return [
        Word(text, float(x0), float(y0), float(x1), float(y1))
        for text, (x0, y0, x1, y1) in zip(texts, corners, strict=True)
    ]


def _slope(boxes: Any) -> float:
    """That most lines have; 0 when it is not one of a whole page. Corners begin at the upper left, clockwise."""
    slopes = [
        float((right[1] - left[1]) / (right[0] - left[0]))
        for left, right, *_ in boxes
        if right[0] - left[0] > abs(right[1] - left[1])
    ]
    slope = statistics.median(slopes) if slopes else 0.0
    return slope if abs(slope) < MAX_SLOPE else 0.0


def _levelled(word: Word, slope: float) -> Word:
    """Without the slope of its page, which makes the box of a line higher than the line."""
    height = max(1.0, word.y1 - word.y0 - abs(slope) * (word.x1 - word.x0))
    middle = (word.y0 + word.y1) / 2 - slope * (word.x0 + word.x1) / 2
    return replace(word, y0=middle - height / 2, y1=middle + height / 2)
