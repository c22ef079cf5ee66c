"""Where something is in a vendor's answer: expressions of JMESPath, of which the first that finds something counts."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

import jmespath
from jmespath.exceptions import JMESPathError
from pydantic import BeforeValidator

#: What the library raises where an expression does not fit an answer: its own errors, and some of Python's.
UNFIT: Final = (JMESPathError, ArithmeticError, TypeError, ValueError)


class AnswerPath:
    """One place in an answer, written as one expression or as several."""

    def __init__(self, written: Sequence[str]) -> None:
        """Raises ValueError for what is no expression."""
        self.written = " | or ".join(written)
        try:
            self._compiled = [jmespath.compile(one) for one in written]
        except JMESPathError as wrong:
            raise ValueError(f"is no JMESPath expression: {wrong}") from None
        except RecursionError:
            raise ValueError("is nested too deeply") from None

    def find(self, answer: object) -> Any:
        """What is there; None when nothing is, or when the answer is of another shape than the expression expects."""
        for expression in self._compiled:
            try:
                found = expression.search(answer)
            except UNFIT:
                continue
            if found not in (None, [], ""):
                return found
        return None

    def items(self, answer: object) -> list[Any] | None:
        """The list that is there, which may be empty; None where there is none."""
        for expression in self._compiled:
            try:
                found = expression.search(answer)
            except UNFIT:
                continue
            if isinstance(found, list):
                return found
        return None

    def text(self, answer: object) -> str | None:
        """As a word: a number as its digits, and true as `true`."""
        found = self.find(answer)
        if isinstance(found, bool):
            return str(found).lower()
        return str(found) if isinstance(found, str | int | float) else None

    def texts(self, answer: object) -> list[str]:
        """One text, or a list of them; whatever else is in the list is left out."""
        found = self.find(answer)
        every = found if isinstance(found, list) else [found]
        return [one for one in every if isinstance(one, str) and one]


def _read(written: object) -> object:
    match written:
        case str():
            return AnswerPath([written])
        case list() if written and all(isinstance(one, str) for one in written):
            return AnswerPath(written)
        case AnswerPath():
            return written
    raise ValueError("must be a JMESPath expression, or a list of them")


Path = Annotated[AnswerPath, BeforeValidator(_read)]
