"""Scores from measurements: a score and a comment for each aspect, by fixed rules."""

import math
from collections.abc import Mapping
from typing import Final

from aijobs.domain.photos import Analysis, Aspect, Bilingual, Measurements, analysis_of

THIRDS_ESTIMATE: Final = "rule-of-thirds saliency estimate"
MEASURED: Final = "measured"

#: Variance of the Laplacian: the lower bound (nothing is sharp) and the upper bound (maximal sharpness).
BLURRED: Final = 8.0
SHARP: Final = 900.0
NOISY: Final = 6.0  #: standard deviation, of 255
MIDDLE: Final = 118.0  #: the brightness of a middle grey in sRGB
FULL_CONTRAST: Final = 50.0
MANY_CLIPPED: Final = 0.05
MONOCHROME: Final = 1.0  #: colourfulness
DULL: Final = 15.0
LIVELY: Final = 45.0
GAUDY: Final = 95.0
STRONG_CAST: Final = 45.0

NOT_KNOWN: Final = Bilingual(zh="画面过于均匀,无法估计构图。", en="The photo is too even to estimate its composition.")

WITHOUT_COLOUR: Final = Bilingual(
    zh="黑白照片,没有色彩可评。", en="The photo is black and white: there is no colour to score."
)


def measured_analysis(measures: Measurements) -> Analysis:
    """A review without a language model; its summary says so."""
    aspects = aspects_of(measures)
    known = {name: aspect.score for name, aspect in aspects.items() if aspect.score is not None}
    best, worst = max(known, key=known.__getitem__), min(known, key=known.__getitem__)
    summary = Bilingual(
        zh=f"本评分由像素测量得出,未使用视觉模型。最好的是{NAMES[best].zh},最可改进的是{NAMES[worst].zh}。",
        en=f"Measured from the pixels, without a vision model. Best: the {best}. Most to be gained: the {worst}.",
    )
    return analysis_of(measures, aspects, summary, model=None)


NAMES: Final[Mapping[str, Bilingual]] = {
    "composition": Bilingual(zh="构图", en="composition"),
    "light": Bilingual(zh="光线", en="light"),
    "focus": Bilingual(zh="清晰度", en="focus"),
    "colour": Bilingual(zh="色彩", en="colour"),
}


def aspects_of(measures: Measurements) -> dict[str, Aspect]:
    return {
        "composition": _composition(measures),
        "light": _light(measures),
        "focus": _focus(measures),
        "colour": _colour(measures),
    }


def _composition(measures: Measurements) -> Aspect:
    if measures.thirds is None:
        return Aspect(score=None, comment=NOT_KNOWN, estimate=THIRDS_ESTIMATE)
    score = _score(50 * measures.thirds)
    if score >= 60:
        comment = Bilingual(
            zh="按三分法估计,醒目的部分靠近三分点。仅为粗略估计。",
            en="The conspicuous parts are near the points of the rule of thirds. This is a rough estimate only.",
        )
    elif score >= 40:
        comment = Bilingual(
            zh="按三分法估计,醒目的部分分布较均匀。仅为粗略估计。",
            en="The conspicuous parts are spread evenly. By the rule of thirds only, a rough estimate.",
        )
    else:
        comment = Bilingual(
            zh="按三分法估计,醒目的部分在中央或边缘。仅为粗略估计。",
            en="The conspicuous parts are in the middle or at the edges. By the rule of thirds only, a rough estimate.",
        )
    return Aspect(score=score, comment=comment, estimate=THIRDS_ESTIMATE)


def _light(measures: Measurements) -> Aspect:
    clipped = measures.black + measures.white
    deviation = abs(measures.brightness - MIDDLE) / MIDDLE
    flat = max(0.0, 1 - measures.contrast / FULL_CONTRAST)
    score = _score(100 - 60 * deviation - 45 * flat - 40 * min(1.0, clipped / 0.4))
    figures = f"{measures.brightness:.0f}/255, {clipped:.0%}"
    if measures.brightness < 0.5 * MIDDLE:
        comment = ("整体偏暗", "The photo is dark")
    elif measures.brightness > 1.6 * MIDDLE:
        comment = ("整体偏亮", "The photo is very bright")
    elif flat > 0.5:
        comment = ("明暗对比偏弱", "The contrast is low")
    elif clipped > MANY_CLIPPED:
        comment = ("部分高光或阴影失去细节", "Some highlights or shadows have lost their detail")
    else:
        comment = ("曝光均衡", "The exposure is balanced")
    return Aspect(
        score=score,
        comment=Bilingual(
            zh=f"{comment[0]}(亮度与溢出 {figures})。", en=f"{comment[1]} (brightness and clipping {figures})."
        ),
        estimate=MEASURED,
    )


def _focus(measures: Measurements) -> Aspect:
    base = math.log(max(measures.sharpness, BLURRED) / BLURRED) / math.log(SHARP / BLURRED)
    grain = min(1.0, measures.noise / NOISY)
    score = _score(100 * base - 60 * max(0.0, grain - 0.25))
    if score >= 65:
        comment = ("最清晰的区域很锐利", "The sharpest parts are crisp")
    elif score >= 35:
        comment = ("清晰度一般", "The sharpness is moderate")
    else:
        comment = ("画面模糊或失焦", "The photo is blurred, or out of focus")
    noisy = measures.noise >= NOISY / 2
    zh, en = (",噪点明显", ", and noise can be seen") if noisy else ("", "")
    return Aspect(score=score, comment=Bilingual(zh=f"{comment[0]}{zh}。", en=f"{comment[1]}{en}."), estimate=MEASURED)


def _colour(measures: Measurements) -> Aspect:
    if measures.colourfulness < MONOCHROME:
        return Aspect(score=None, comment=WITHOUT_COLOUR, estimate=MEASURED)
    if measures.colourfulness <= LIVELY:
        base = 55 + 45 * measures.colourfulness / LIVELY
    else:
        base = 100 - 40 * max(0.0, measures.colourfulness - GAUDY) / GAUDY
    score = _score(base - 30 * max(0.0, measures.cast - STRONG_CAST) / STRONG_CAST)
    if measures.cast > STRONG_CAST:
        comment = ("整体偏色明显", "One colour tints the whole photo")
    elif measures.colourfulness < DULL:
        comment = ("色彩偏淡", "The colours are pale")
    elif measures.colourfulness > GAUDY:
        comment = ("色彩过于浓烈", "The colours are very strong")
    else:
        comment = ("色彩自然丰富", "The colours are natural and lively")
    return Aspect(score=score, comment=Bilingual(zh=f"{comment[0]}。", en=f"{comment[1]}."), estimate=MEASURED)


def _score(value: float) -> int:
    return round(min(100.0, max(0.0, value)))
