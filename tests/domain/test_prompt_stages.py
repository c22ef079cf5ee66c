"""Cutting prompts into stages: nothing of a prompt is lost, and no pattern holds anybody up."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aijobs.domain.documents.prompt_stages import split
from aijobs.domain.documents.templates import MAX_PROMPT_LENGTH, StageSettings
from aijobs.domain.errors import InvalidParameters

HEADINGS = ("阶段{}", "阶段 {}", "【阶段{}】", "# 阶段 {}", "## 【阶段 {}】", "###阶段{}")

#: Texts that begin no stage, whatever stands around them.
prose = st.text(st.sampled_from("合同甲乙方。,abc \n"), max_size=30).filter(lambda text: text.strip())


def names(prompt: str, settings: StageSettings) -> list[tuple[int, str]]:
    return [(stage.number, stage.name) for stage in split(prompt, settings).stages]


@pytest.mark.parametrize("heading", HEADINGS)
def test_chinese_and_markdown_headings_begin_stages(heading: str) -> None:
    prompt = "\n".join(f"{heading.format(number)}\n做第{number}件事" for number in (1, 2, 3))

    cut = split(prompt, StageSettings())

    assert [stage.number for stage in cut.stages] == [1, 2, 3]
    assert all(stage.text.endswith(f"做第{stage.number}件事") for stage in cut.stages)
    assert cut.warnings == ()


def test_a_prompt_without_any_stage_is_one() -> None:
    cut = split("  提取合同信息  ", StageSettings())

    assert [(stage.number, stage.text) for stage in cut.stages] == [(1, "提取合同信息")]
    assert cut.warnings == ("No stage was found: the whole prompt is one stage.",)


def test_what_stands_before_the_first_stage_is_asked_with_it() -> None:
    first, second = split("你是审阅助理。\n阶段1 读\n阶段2 写", StageSettings()).stages

    assert first.text == "你是审阅助理。\n\n阶段1 读"
    assert second.text == "阶段2 写"


def test_in_strict_order_the_number_counts_else_the_place() -> None:
    prompt = "阶段2 写\n阶段1 读"

    assert [stage.number for stage in split(prompt, StageSettings()).stages] == [1, 2]
    assert [stage.number for stage in split(prompt, StageSettings(strict_order=False)).stages] == [2, 1]
    assert any("not in order" in warning for warning in split(prompt, StageSettings()).warnings)


def test_a_number_above_the_highest_is_dropped_with_a_warning() -> None:
    cut = split("阶段1 读\n阶段3 弃\n阶段2 写\n阶段" + "9" * 5000, StageSettings(max_stages=2))

    assert [stage.text for stage in cut.stages] == ["阶段1 读", "阶段2 写"]
    assert any("stage 3, of many digits" in warning for warning in cut.warnings)


def test_when_every_number_is_too_high_the_prompt_stays_whole() -> None:
    cut = split("前言 阶段11 读", StageSettings())

    assert [stage.text for stage in cut.stages] == ["前言 阶段11 读"]
    assert len(cut.warnings) == 2


def test_a_number_that_comes_again_is_only_spoken_of() -> None:
    prompt = "本任务分为阶段1和阶段2。\n## 阶段1\n读\n## 阶段2\n根据阶段1的结果写"

    cut = split(prompt, StageSettings())

    assert [stage.number for stage in cut.stages] == [1, 2]
    assert cut.stages[0].text.endswith("## 阶段1\n读")
    assert cut.stages[1].text == "## 阶段2\n根据阶段1的结果写"
    assert any("more than once" in warning for warning in cut.warnings)


def test_identifiers_cut_where_they_are_found_first() -> None:
    cut = split("one a two b three c two again", StageSettings(identifiers=("one", "two", "three")))

    assert [(stage.number, stage.text) for stage in cut.stages] == [
        (1, "one a"),
        (2, "two b"),
        (3, "three c two again"),
    ]
    assert cut.warnings == ()


def test_a_missing_identifier_is_a_warning_and_its_text_stays_with_the_one_before() -> None:
    cut = split("one a three c", StageSettings(identifiers=("one", "two", "three")))

    assert [(stage.number, stage.text) for stage in cut.stages] == [(1, "one a"), (3, "three c")]
    assert cut.warnings == ("Identifier 'two' is not in the prompt.",)


def test_identifiers_out_of_order_are_asked_in_their_own_order_or_in_the_prompts() -> None:
    prompt = "two b one a"

    assert names(prompt, StageSettings(identifiers=("one", "two"))) == [(1, "one"), (2, "two")]
    assert names(prompt, StageSettings(identifiers=("one", "two"), strict_order=False)) == [(2, "two"), (1, "one")]


def test_an_identifier_that_begins_another_is_not_taken_for_it() -> None:
    assert names("阶段10 乙 阶段1 甲", StageSettings(identifiers=("阶段1", "阶段10"))) == [(1, "阶段1"), (2, "阶段10")]


def test_identifiers_may_be_written_with_commas() -> None:
    assert StageSettings.model_validate({"identifiers": "甲, 乙，丙"}).identifiers == ("甲", "乙", "丙")


def test_a_pattern_of_the_authors_own_counts_where_it_has_no_number() -> None:
    cut = split("Step: read\nStep: write", StageSettings(pattern=r"(?m)^step:"))

    assert [(stage.number, stage.text) for stage in cut.stages] == [(1, "Step: read"), (2, "Step: write")]


def test_a_heading_alone_is_a_warning() -> None:
    cut = split("阶段1\n阶段2 写", StageSettings())

    assert cut.warnings == ("Nothing but a heading: stage 1.",)


@pytest.mark.parametrize("pattern", [r"(a+)+b", r"(.*a){25}b"])
def test_a_pattern_that_explodes_is_stopped(pattern: str) -> None:
    began = time.process_time()

    with pytest.raises(InvalidParameters) as refused:
        split("a" * 5000, StageSettings(pattern=pattern))

    assert refused.value.fields[0].pointer == "/stages/pattern"
    assert time.process_time() - began < 30


@pytest.mark.parametrize("pattern", ["(", "[a", "x*", "", "a" * 501, "(?:" * 160 + ")" * 160])
def test_an_unusable_pattern_is_not_taken(pattern: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        StageSettings(pattern=pattern)


@pytest.mark.parametrize("piece", ["阶段 7 ", "\n", "阶", "阶段99 ", "# ", "【阶段 "])
def test_the_longest_prompt_is_cut(piece: str) -> None:
    prompt = (piece * MAX_PROMPT_LENGTH)[: MAX_PROMPT_LENGTH - 3] + "end"

    assert split(prompt, StageSettings()).stages


@given(st.lists(st.tuples(st.integers(1, 10), prose), min_size=1, max_size=10, unique_by=lambda part: part[0]), prose)
def test_nothing_of_a_prompt_is_lost(parts: list[tuple[int, str]], before: str) -> None:
    prompt = before + "".join(f"\n阶段{number}。{text}" for number, text in parts)

    stages = split(prompt, StageSettings()).stages

    assert [stage.number for stage in stages] == sorted(number for number, _ in parts)
    assert sorted("".join("".join(stage.text.split()) for stage in stages)) == sorted("".join(prompt.split()))


@given(texts=st.lists(prose, min_size=1, max_size=5), absent=st.sets(st.integers(0, 4)), strict=st.booleans())
def test_identifiers_that_are_there_are_found(*, texts: list[str], absent: set[int], strict: bool) -> None:
    identifiers = tuple(f"<{place}>" for place in range(len(texts)))
    there = [
        (name, text) for place, (name, text) in enumerate(zip(identifiers, texts, strict=True)) if place not in absent
    ]
    prompt = "".join(name + text for name, text in there) or "nothing"

    cut = split(prompt, StageSettings(identifiers=identifiers, strict_order=strict))

    if there:
        assert [stage.text for stage in cut.stages] == [(name + text).strip() for name, text in there]
    assert sum("is not in the prompt" in warning for warning in cut.warnings) == len(identifiers) - len(there)


@given(prompt=st.text(max_size=300), strict=st.booleans(), most=st.integers(1, 100))
def test_any_text_can_be_cut(*, prompt: str, strict: bool, most: int) -> None:
    cut = split(prompt, StageSettings(strict_order=strict, max_stages=most))

    assert cut.stages
    assert all(stage.number <= most for stage in cut.stages)
