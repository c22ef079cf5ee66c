"""Numbers as Word writes them in front of clauses and headings (ECMA-376, part 1, 17.18.59 ST_NumberFormat)."""

from collections.abc import Callable, Mapping
from typing import Final

_ROMAN: Final = (
    *((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl")),
    *((10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i")),
)
_CHINESE: Final = ("零一二三四五六七八九", "十百千")
_CHINESE_LEGAL: Final = ("零壹贰叁肆伍陆柒捌玖", "拾佰仟")
_TRADITIONAL_LEGAL: Final = ("零壹貳參肆伍陸柒捌玖", "拾佰仟")
_STEMS: Final = "甲乙丙丁戊己庚辛壬癸"
_BRANCHES: Final = "子丑寅卯辰巳午未申酉戌亥"
_IROHA: Final = "イロハニホヘトチリヌルヲワカヨタレソツネナラムウヰノオクヤマケフコエテアサキユメミシヱヒモセスン"
_AIUEO: Final = "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワヲン"
_FULL_WIDTH: Final = str.maketrans("0123456789", "０１２３４５６７８９")
_ORDINAL_ENDS: Final = {1: "st", 2: "nd", 3: "rd"}


def written_number(number: int, number_format: str) -> str:
    """The number in that format; in digits where the format is unknown or has no sign for it."""
    return _FORMATS.get(number_format, str)(number) or str(number)


def _letters(number: int) -> str:
    """a … z, aa … zz, aaa …"""
    return chr(ord("a") + (number - 1) % 26) * ((number - 1) // 26 + 1) if 0 < number <= 26 * 100 else ""


def _roman(number: int) -> str:
    text = ""
    for value, letters in _ROMAN if 0 < number < 4000 else ():
        count, number = divmod(number, value)
        text += letters * count
    return text


def _chinese(number: int, signs: tuple[str, str], *, drops_one: bool = False) -> str:
    """Up to 9999. `drops_one`: 十一 instead of 一十一."""
    digits, units = signs
    if not 0 <= number <= 9999:
        return ""
    if number == 0:
        return digits[0]
    text, written = "", str(number)
    for position, digit in enumerate(map(int, written)):
        power = len(written) - 1 - position
        if digit:
            text += digits[digit] + (units[power - 1] if power else "")
        elif text and not text.endswith(digits[0]):
            text += digits[0]
    text = text.rstrip(digits[0])
    return text[1:] if drops_one and 10 <= number < 20 else text


def _one_by_one(number: int, digits: str) -> str:
    return "".join(digits[int(digit)] for digit in str(number)) if number >= 0 else ""


def _from(signs: str) -> Callable[[int], str]:
    return lambda number: signs[number - 1] if 0 < number <= len(signs) else ""


def _counted_from(first: str, most: int) -> Callable[[int], str]:
    return lambda number: chr(ord(first) + number - 1) if 0 < number <= most else ""


def _ordinal(number: int) -> str:
    end = "th" if number % 100 in {11, 12, 13} else _ORDINAL_ENDS.get(number % 10, "th")
    return f"{number}{end}"


def _counting(number: int) -> str:
    return _chinese(number, _CHINESE, drops_one=True)


def _digital(number: int) -> str:
    return _one_by_one(number, "〇一二三四五六七八九")


_FORMATS: Final[Mapping[str, Callable[[int], str]]] = {
    "decimalZero": lambda number: f"{number:02}",
    "lowerLetter": _letters,
    "upperLetter": lambda number: _letters(number).upper(),
    "lowerRoman": _roman,
    "upperRoman": lambda number: _roman(number).upper(),
    "ordinal": _ordinal,
    "chineseCounting": _counting,
    "chineseCountingThousand": _counting,
    "taiwaneseCounting": _counting,
    "taiwaneseCountingThousand": _counting,
    "japaneseCounting": _counting,
    "chineseLegalSimplified": lambda number: _chinese(number, _CHINESE_LEGAL),
    "ideographLegalTraditional": lambda number: _chinese(number, _TRADITIONAL_LEGAL),
    "japaneseLegal": lambda number: _chinese(number, _TRADITIONAL_LEGAL),
    "ideographDigital": _digital,
    "japaneseDigitalTenThousand": _digital,
    "taiwaneseDigital": _digital,
    "ideographTraditional": _from(_STEMS),
    "ideographZodiac": _from(_BRANCHES),
    "iroha": _from(_IROHA),
    "irohaFullWidth": _from(_IROHA),
    "aiueo": _from(_AIUEO),
    "aiueoFullWidth": _from(_AIUEO),
    "ideographEnclosedCircle": _counted_from("㊀", 10),
    "decimalEnclosedCircle": _counted_from("①", 20),
    "decimalEnclosedCircleChinese": _counted_from("①", 20),
    "decimalEnclosedParen": _counted_from("⑴", 20),
    "decimalEnclosedFullstop": _counted_from("⒈", 20),
    "decimalFullWidth": lambda number: str(number).translate(_FULL_WIDTH),
    "decimalFullWidth2": lambda number: str(number).translate(_FULL_WIDTH),
    "numberInDash": lambda number: f"- {number} -",
}
