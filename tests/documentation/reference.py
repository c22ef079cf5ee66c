"""Tables of the reference, made from the code: settings, routes, errors, commands, events, metrics.

Each is Markdown. What the product says in two languages (settings, statuses) comes in both.
"""

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import typer.main
from fastapi import FastAPI
from fastapi.routing import APIWebSocketRoute

from aijobs.domain import errors
from aijobs.domain.errors import AijobsError, TransientError
from aijobs.domain.jobs.events import EventKind
from aijobs.domain.jobs.waiting import WaitFor
from aijobs.domain.lifecycle import OVERALL_PROGRESS, TRANSITIONS, JobStatus
from aijobs.domain.values.languages.language import Language
from aijobs.domain.values.languages.messages import Messages, messages
from aijobs.domain.webhooks import EventType
from aijobs.settings import GivenSettings
from api.app import ROUTES
from api.openapi import operation_id
from api.problems import STATUS_OF
from cli.main import build_cli
from dashboard.setting_lines import SettingGroup, setting_groups
from tests.documentation.snippets import ROOT

UNDESCRIBED: Final = "settings.undescribed"


def settings_reference(language: Language) -> str:
    words = messages(language)
    heads = {
        Language.EN: ("variable", "meaning", "default"),
        Language.ZH: ("变量", "含义", "默认"),
    }[language]
    return "\n".join(
        f"### {words.get(f'setting_group.{group.name}', group.name)}\n\n{table(heads, _setting_rows(group, words))}"
        for group in setting_groups(GivenSettings(), {})
    )


def _setting_rows(group: SettingGroup, words: Mapping[str, str]) -> Iterator[Sequence[str]]:
    for line in group.lines:
        default = "" if line.default is None else code(line.default)
        yield code(line.variable), words.get(f"setting.{line.meaning}", words.get(UNDESCRIBED, "")), default


def routes_reference(language: Language) -> str:
    words = Messages(language)
    heads = {Language.EN: ("route", "what"), Language.ZH: ("路由", "用途")}[language]
    by_tag: dict[str, list[Sequence[str]]] = {}
    for path, method, operation in operations():
        row = (code(f"{method.upper()} {path}"), words.sentence(operation["summary"]))
        by_tag.setdefault(operation["tags"][0], []).append(row)
    by_tag["streams"] = [(code(f"WS {route.path}"), first_sentence(route.endpoint)) for route in _sockets()]
    titles = {tag: words.known("reference_tag", tag) for tag in by_tag}
    return "\n".join(f"### {titles[tag]}\n\n{table(heads, rows)}" for tag, rows in by_tag.items())


def operations() -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Path, method and description of every route that the API describes."""
    app = FastAPI(generate_unique_id_function=operation_id)
    for module in ROUTES:
        app.include_router(module.router)
    for path, methods in app.openapi()["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def _sockets() -> Iterator[APIWebSocketRoute]:
    for module in ROUTES:
        yield from (route for route in module.router.routes if isinstance(route, APIWebSocketRoute))


def errors_reference(language: Language) -> str:
    words = messages(language)
    heads, yes = {
        Language.EN: (("code", "HTTP status", "another try may help", "what"), "yes"),
        Language.ZH: (("代码", "HTTP 状态码", "再试可能有用", "含义"), "是"),
    }[language]
    rows = [
        (
            code(kind.code),
            str(STATUS_OF[kind].value),
            yes if issubclass(kind, TransientError) else "",
            about if language == Language.EN else words.get(f"error_code.{kind.code}", about),
        )
        for kind, about in error_kinds().items()
    ]
    return table(heads, rows)


def error_kinds() -> dict[type[AijobsError], str]:
    """Every error with a code of its own, with what the drawing of their tree says of it, else its docstring."""
    assert errors.__doc__ is not None
    drawn = dict(re.findall(r"^[│ ]*[├└]── (\w+)[ ]*(.*)$", errors.__doc__, re.MULTILINE))
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, AijobsError)]
    return {kind: drawn.get(kind.__name__) or first_sentence(kind) for kind in kinds if "code" in vars(kind)}


def commands_reference(_language: Language) -> str:
    root = typer.main.get_command(build_cli("--help"))
    return "\n".join(_command(f"aijobs {name}", command) for name, command in _inner(root).items())


def _inner(command: Any) -> dict[str, Any]:
    """The commands of a group."""
    return dict(getattr(command, "commands", {}))


def _command(name: str, command: Any) -> str:
    inner = _inner(command)
    about = "\n".join(line.strip() for line in (command.help or "").splitlines())
    if inner:
        return f"### {name}\n\n{about}\n\n" + "\n".join(_command(f"{name} {one}", inner[one]) for one in inner)
    rows = [_parameter(parameter) for parameter in command.params if parameter.name != "help"]
    level = "###" if name.count(" ") == 1 else "####"
    return f"{level} {name}\n\n{about}\n\n" + (table(("option", "what"), rows) if rows else "")


def _parameter(parameter: Any) -> Sequence[str]:
    if parameter.param_type_name == "argument":
        return code(parameter.metavar or parameter.name.upper()), getattr(parameter, "help", None) or ""
    return " ".join(map(code, (*parameter.opts, *parameter.secondary_opts))), parameter.help or ""


def events_reference(language: Language) -> str:
    statuses = [
        (
            code(str(status.value)),
            code(status.name),
            status.zh if language == Language.ZH else status.en,
            f"{OVERALL_PROGRESS[status]:g}",
            " ".join(code(next_one.name) for next_one in sorted(TRANSITIONS[status])),
        )
        for status in JobStatus
    ]
    words = {
        Language.EN: ("number", "status", "name", "overall progress, %", "may be followed by"),
        Language.ZH: ("数字", "状态", "名称", "总进度（%）", "之后可以是"),
    }[language]
    return "\n".join(
        (
            f"### `job_status`\n\n{table(words, statuses)}",
            f"### `kind`\n\n{members(EventKind)}",
            f"### `waiting.for`\n\n{members(WaitFor)}",
            f"### `type`\n\n{members(EventType)}",
        )
    )


def members(kinds: Iterable[Any]) -> str:
    return "\n".join(f"* {code(str(one.value))}" for one in kinds) + "\n"


def metrics_reference(_language: Language) -> str:
    """The table of the page on observability, which a test compares with what is measured."""
    page = (ROOT / "docs" / "observability.md").read_text("utf-8")
    found = re.search(r"^\| name \|.*?\n\n", page, re.MULTILINE | re.DOTALL)
    assert found is not None
    return re.sub(r"\]\((?!http)([^)]+)\)", r"](../\1)", found[0])


REFERENCES: Final[Mapping[str, Callable[[Language], str]]] = {
    "settings": settings_reference,
    "routes": routes_reference,
    "errors": errors_reference,
    "commands": commands_reference,
    "events": events_reference,
    "metrics": metrics_reference,
}


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines) + "\n"


def code(text: str) -> str:
    return f"`{text}`" if text else ""


def first_sentence(documented: object) -> str:
    about = inspect.getdoc(documented) or ""
    return " ".join(about.partition("\n\n")[0].split())
