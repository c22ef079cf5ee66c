"""Each parser of texts takes a text or refuses it by an error of its own, however hostile the text is."""

import contextlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.hostile import FRAGMENTS, texts
from tests.fuzz.text_parsers import KNOWN, PARSERS, TextParser


def parse(parser: TextParser, text: str) -> None:
    with contextlib.suppress(*parser.refuses):
        parser.parse(text)


@pytest.mark.parametrize("name", PARSERS)
@given(data=st.data())
@settings(suppress_health_check=list(HealthCheck))
def test_hostile_texts(name: str, data: st.DataObject) -> None:
    parser = PARSERS[name]

    parse(parser, data.draw(texts(*parser.good)))


@pytest.mark.parametrize("name", PARSERS)
def test_good_texts_and_every_fragment(name: str) -> None:
    parser = PARSERS[name]
    for text in (*parser.good, *FRAGMENTS, *(f"{good}{part}" for good in parser.good for part in FRAGMENTS)):
        parse(parser, text)


@pytest.mark.parametrize(("name", "text"), KNOWN)
def test_what_once_broke_a_parser(name: str, text: str) -> None:
    parse(PARSERS[name], text)
