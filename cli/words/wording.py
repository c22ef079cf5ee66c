"""The language of the command line: that of the terminal's locale, in its output, its errors and its help."""

import os
from collections.abc import Callable, Iterable
from typing import Any, Final

import typer
from rich.cells import cell_len, set_cell_size
from rich.text import Text
from typer import rich_utils

from aijobs.domain.values.languages.language import Language, locale_language
from aijobs.domain.values.languages.messages import Messages

LOCALE: Final = ("LC_ALL", "LC_MESSAGES", "LANG")  #: which count in this order (POSIX, 8.2)


def words() -> Messages:
    return Messages(locale_language(map(os.environ.get, LOCALE)))


def in_words(text: str) -> str:
    """A sentence or a name of ours in the language of the terminal, as wide as it was padded to; others as they are."""
    core = text.strip()
    translated = words().translated(core) if core else None
    if translated is None:
        return text
    begins = len(text) - len(text.lstrip())
    padded = text.endswith(" ")
    return text[:begins] + (
        set_cell_size(translated, max(cell_len(core), len(text) - begins)) if padded else translated
    )


def label(name: str) -> str:
    """The name of a value in the language of the terminal; a number behind it, as in `try 2`, stays.

    As a sentence, a single word could be anybody's: a parameter, or a value.
    """
    word, _, number = name.rpartition(" ")
    if word and number.isdecimal():
        return f"{label(word)} {number}"
    return words().known("cli_label", name) if words().has("cli_label", name) else in_words(name)


def translate_help(command: Any) -> None:
    """The help of a command, of its options and of the commands below it."""
    language = words()
    if language.language == Language.EN:
        return
    rich_utils.ARGUMENTS_PANEL_TITLE = language("cli.arguments")
    rich_utils.OPTIONS_PANEL_TITLE = language("cli.options")
    rich_utils.COMMANDS_PANEL_TITLE = language("cli.commands")
    rich_utils.DEFAULT_STRING = language("cli.default")
    rich_utils.REQUIRED_LONG_STRING = language("cli.required")
    rich_utils._make_rich_text = _folded(rich_utils._make_rich_text)
    for one in _with_those_below(command):
        one.help = _paragraphs(one.help, language)
        one.short_help = language.sentence(one.short_help) if one.short_help else None
        help_option = one.get_help_option(typer.Context(one))
        for option in (*one.params, *([help_option] if help_option else [])):
            option.help = language.sentence(option.help) if getattr(option, "help", None) else None


def _folded(make: Callable[..., Any]) -> Callable[..., Any]:
    """Chinese has no spaces: a line is broken anywhere, and never cut off, as rich does to a word that is too long."""

    def make_folded(*args: Any, **options: Any) -> Any:
        made = make(*args, **options)
        if isinstance(made, Text):
            made.overflow = "fold"
        return made

    return make_folded


def _with_those_below(command: Any) -> Iterable[Any]:
    yield command
    for below in getattr(command, "commands", {}).values():
        yield from _with_those_below(below)


def _paragraphs(text: str | None, language: Messages) -> str | None:
    """Paragraph by paragraph, each as one line."""
    if text is None:
        return None
    return "\n\n".join(language.sentence(" ".join(paragraph.split())) for paragraph in text.split("\n\n"))
