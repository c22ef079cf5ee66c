r"""The rules of columns as lines of text, as a template's form has them.

金额 >= 0
金额 <= 100000
状态 in 有效 | 无效             a `|` within a value is written `\|`
编号 ~ [A-Z]{2}-\d+            what the whole text must match
编号 unique
金额 sum = 总额 per 编号        without `per`, over all rows
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from aijobs.domain.documents.columns import Column
from aijobs.domain.documents.templates import MAX_COLUMNS
from aijobs.domain.errors import FieldError, InvalidParameters
from dashboard.forms.form_errors import shortened

MAX_RULES: Final = 5 * MAX_COLUMNS

_BAR: Final = re.compile(r"(?<!\\)\|")
_RULE: Final = re.compile(r"(>=|<=|~|in\b|unique$|sum\s*=)\s*(.*)", re.DOTALL)
_BOUNDS: Final = {">=": "minimum", "<=": "maximum"}


def rule_lines(columns: Sequence[Column]) -> list[str]:
    """One line for each rule, with the column's name."""
    return [f"{column.name} {rule}" for column in columns for rule in rule_texts(column)]


def rule_texts(column: Column) -> Iterator[str]:
    """Each rule of a column, without its name."""
    if column.minimum is not None:
        yield f">= {column.minimum}"
    if column.maximum is not None:
        yield f"<= {column.maximum}"
    if column.one_of:
        yield "in " + " | ".join(str(value).replace("|", r"\|") for value in column.one_of)
    if column.pattern is not None:
        yield f"~ {column.pattern}"
    if column.unique:
        yield "unique"
    if column.sum_equals is not None:
        yield f"sum = {column.sum_equals}" + (f" per {column.sum_per}" if column.sum_per else "")


def add_rules(columns: Sequence[dict[str, Any]], lines: Sequence[tuple[int, str]]) -> None:
    """Put the rules of numbered lines into definitions of columns. Raises InvalidParameters that names each line."""
    if len(lines) > MAX_RULES:
        raise InvalidParameters("Some fields are wrong.", FieldError("/rules", f"At most {MAX_RULES} rules."))
    errors, longest_first = list[FieldError](), sorted(columns, key=lambda one: -len(one["name"]))
    for number, line in lines:
        place = f"Line {number} ({shortened(line)})"
        column = next((one for one in longest_first if _is_of(line, one["name"])), None)
        rule = _RULE.fullmatch(line[len(column["name"]) :].strip()) if column else None
        if column is None:
            errors.append(FieldError("/rules", f"{place}: It begins with no column's name."))
        elif rule is None:
            errors.append(FieldError("/rules", f"{place}: It is none of >=, <=, in, ~, unique, sum =."))
        else:
            column |= _fields(rule[1], rule[2], [one["name"] for one in columns])
    if errors:
        raise InvalidParameters("Some fields are wrong.", *errors)


def _is_of(line: str, name: str) -> bool:
    return bool(name) and line.startswith(name) and line[len(name) : len(name) + 1].isspace()


def _fields(sign: str, rest: str, names: Sequence[str]) -> dict[str, Any]:
    if sign in _BOUNDS:
        return {_BOUNDS[sign]: rest}
    if sign == "in":
        return {"one_of": [part.strip().replace(r"\|", "|") for part in _BAR.split(rest)]}
    if sign == "~":
        return {"pattern": rest}
    if sign == "unique":
        return {"unique": True}
    total, _, per = rest.rpartition(" per ")
    return {"sum_equals": rest} if rest in names or not total else {"sum_equals": total, "sum_per": per.strip()}
