"""Quotations: found whatever the line ends, hyphens and forms of letters, and compared with their values."""

from typing import Any

import pytest

from aijobs.domain.documents.page_words import PageWords
from aijobs.domain.documents.quotations import QuotedDocument, anchor_of, folded, nearest, stands_in


@pytest.mark.parametrize(
    ("written", "quoted"),
    [
        ("Payable within\n 30 days", "payable within 30 days"),
        ("the agree-\nment ends", "the agreement ends"),
        ("INV-\n2026-001", "INV-2026-001"),
        ("INV\u20112026", "INV-2026"),
        ("co\u00adoperation", "cooperation"),
        ("合同编号：ＨＴ－７", "合同编号: HT-7"),
        ("Tripod\t4\t180.50", "Tripod | 4 | 180.50"),
        ("“as is”", '"as is"'),
        ("乙 方", "乙方"),
    ],
)
def test_what_people_read_alike_is_the_same(written: str, quoted: str) -> None:
    assert folded(written) == folded(quoted)


@pytest.mark.parametrize(
    ("written", "quoted"),
    [("1,250.50", "125050"), ("12.5", "125"), ("due 5", "due -5"), ("A1", "A2"), ("10 000", "1000")],
)
def test_other_figures_are_not_the_same(written: str, quoted: str) -> None:
    assert folded(written) != folded(quoted)


def word(text: str, left: int, top: int) -> tuple[str, int, int, int, int]:
    return text, left, top, left + 1000, top + 100


TWO_PAGES = QuotedDocument(
    "[page 1]\nInvoice A1\nTotal 10.00\n[page 2]\nInvoice A2\nTotal 10.00\nTotal 10.00 again",
    [
        PageWords(number=1, words=(word("Invoice", 1000, 100), word("A1", 3000, 100), word("Total 10.00", 1000, 300))),
        PageWords(
            number=2,
            words=(
                word("Invoice", 1000, 100),
                word("A2", 3000, 100),
                word("Total", 1000, 300),
                word("10.00", 3000, 300),
                word("Total", 1000, 500),
                word("10.00", 3000, 500),
                word("again", 5000, 500),
            ),
        ),
    ],
)


def test_a_quotation_has_its_page_and_the_box_of_its_words() -> None:
    (place,) = TWO_PAGES.places("invoice A2")

    found = TWO_PAGES.quotation("invoice A2", place)

    assert (found.page, found.box) == (2, (0.1, 0.01, 0.4, 0.02))


def test_a_quotation_within_a_recognised_line_has_its_part_of_the_box() -> None:
    found = TWO_PAGES.quotation("10.00", TWO_PAGES.places("10.00")[0])

    assert found.page == 1
    assert found.box == (0.15, 0.03, 0.2, 0.04)


def test_of_several_places_the_one_near_the_rows_other_quotations_is_taken() -> None:
    totals, second = TWO_PAGES.places("Total 10.00"), TWO_PAGES.places("A2")

    near = nearest(totals, anchor_of([totals, second]))
    last = TWO_PAGES.quotation("Total 10.00", totals[-1])

    assert len(totals) == 3
    assert TWO_PAGES.quotation("Total 10.00", near).box == (0.1, 0.03, 0.4, 0.04)
    assert nearest(totals, anchor_of([totals])) == totals[0]
    assert last.box == (0.1, 0.05, 0.4, 0.06)


def test_what_an_ellipsis_leaves_out_lies_between_its_parts() -> None:
    assert len(TWO_PAGES.places("Invoice A2 … again")) == 1
    assert TWO_PAGES.places("again … Invoice") == []
    assert TWO_PAGES.places("Invoice A3") == []
    assert TWO_PAGES.places(" … ") == []


def test_a_line_that_only_looks_like_a_page_is_a_line() -> None:
    document = QuotedDocument(
        f"[page 1]\nA\n[page {'9' * 5000}]\nInvoice A1", [PageWords(number=1), PageWords(number=2)]
    )

    found = document.quotation("Invoice A1", document.places("Invoice A1")[0])

    assert found.page == 1


def test_a_document_without_places_has_neither_page_nor_box() -> None:
    document = QuotedDocument("[page 3]\nInvoice A1")

    found = document.quotation("Invoice A1", document.places("Invoice A1")[0])

    assert (found.page, found.box) == (None, None)


@pytest.mark.parametrize(
    ("value", "quote"),
    [
        (1250.5, "EUR 1,250.50"),
        (1250.5, "1.250,50 €"),
        (1250.5, "1 250,50"),
        (-5, "(5.00)"),
        (12000, "1.2万"),
        (0.125, "12.5 %"),
        (3, "three pieces"),
        ("2026-03-17", "2026年3月17日"),
        ("2026-03-17", "17 March 2026"),
        ("2026-03-17", "17.03.26"),
        ("INV-2026-001", "Invoice INV-2026-001"),
        ("about the goods", "something of 2026"),
        (True, "1"),
        ("1" * 5000, "no. " + "1" * 5000),
    ],
)
def test_a_value_stands_in_its_quotation(value: Any, quote: str) -> None:
    assert stands_in(value, quote)


@pytest.mark.parametrize(
    ("value", "quote"),
    [
        (1250, "12.50"),
        (5, "5,000.00"),
        (722, "4 × 180.50"),
        ("2026-03-18", "2026年3月17日"),
        ("2025-03-17", "17 March 2026"),
        ("INV-2026-002", "Invoice INV-2026-001"),
        ("12a", "1" * 5000),
        ("1" * 5000, "12"),
        (7.5, "1 x " * 100_000),
    ],
)
def test_a_value_with_other_digits_does_not(value: Any, quote: str) -> None:
    assert not stands_in(value, quote)
