"""Recognising the text of one picture with RapidOCR, whose package ships its models for Chinese and English.

The settings are what our measurements ask for (docs/decisions/0024-readers-of-documents.md): its defaults turn lines
upside down and lose lines of bent pages.
"""

import statistics
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from PIL import Image

from aijobs.adapters.documents.texts.page_layout import Word

TURNED_SHARE: Final = 0.5  #: of the boxes that stand upright: more, and the page lies on its side
TURNED_BOX: Final = 1.5  #: height by width of such a box
SURE: Final = 0.9  #: below this mean, the page may stand on its head
MIN_BOXES: Final = 3
MAX_SLOPE: Final = 0.2  #: of a line, that a whole page may have


@dataclass(frozen=True, kw_only=True)
class Recognition:
    """`scores`: how sure each line is, from 0 to 1. `score`: their mean, by length. `turn`: degrees, of the page."""

    words: list[Word]
    scores: list[float]
    score: float
    turn: int = 0


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
        return best

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
        return Recognition(words=words, scores=scores, score=score, turn=turn), boxes


def _standing(boxes: Any) -> float:
    sizes = boxes.max(axis=1) - boxes.min(axis=1)
    return float(np.mean(sizes[:, 1] > TURNED_BOX * sizes[:, 0]))


def _words(boxes: Any, texts: Any) -> list[Word]:
    """Upright boxes, with the slope that most lines have taken out."""
    slopes = [
        (right[1] - left[1]) / (right[0] - left[0])
        for left, right, *_ in boxes
        if right[0] - left[0] > abs(right[1] - left[1])
    ]
    slope = statistics.median(slopes) if slopes else 0.0
    slope = slope if abs(slope) < MAX_SLOPE else 0.0
    words = []
    for box, text in zip(boxes, texts, strict=True):
        heights = box[:, 1] - slope * box[:, 0]
        # The corners are upper left, upper right, lower right, lower left: a skewed line is thinner than its hull.
        top, bottom = (heights[0] + heights[1]) / 2, (heights[2] + heights[3]) / 2
        words.append(Word(text, float(box[:, 0].min()), float(top), float(box[:, 0].max()), float(bottom)))
    return words
