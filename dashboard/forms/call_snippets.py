"""The call of a filled form as it is written in programs: curl, Python and TypeScript."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

KEY: Final = "AIJOBS_KEY"  #: the environment variable that the programs read the API key from
WIDTH: Final = 88  #: characters of a list or a table that stays on one line
MAX_LENGTH: Final = 100_000  #: characters of one program
TIMES: Final = frozenset({"start_at", "expires_at"})

_IDENTIFIER: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
_PYTHON_WORDS: Final = {None: "None", True: "True", False: "False"}


class Syntax(StrEnum):
    """How values are written."""

    PYTHON = "python"
    TYPESCRIPT = "typescript"


@dataclass(frozen=True)
class CallSnippet:
    """`name` is the language's, `text` the whole program."""

    name: str
    text: str


@dataclass(frozen=True)
class ApiCall:
    """`POST /api/jobs` at `url` with this body; `user`: the end user whom a service key acts for, else empty."""

    url: str
    body: Mapping[str, Any]
    user: str

    @property
    def options(self) -> dict[str, Any]:
        """What is neither the model nor its parameters."""
        return {name: value for name, value in self.body.items() if name not in {"model_id", "params"}}


def snippets_of(call: ApiCall) -> Sequence[CallSnippet]:
    programs = {"curl": _curl, "Python": _python, "TypeScript": _typescript}
    return [CallSnippet(name, _printable(program(call))) for name, program in programs.items()]


def _curl(call: ApiCall) -> str:
    body = {**call.body, **({"user_id": call.user} if call.user else {})}
    return f"""\
# {KEY} holds an API key.
curl --fail-with-body '{call.url}/api/jobs' \\
  --header "Authorization: Bearer ${KEY}" \\
  --header 'Content-Type: application/json' \\
  --data-binary @- <<'JSON'
{json.dumps(body, indent=2, ensure_ascii=False)}
JSON
"""


def _python(call: ApiCall) -> str:
    options = {name: _python_option(name, value) for name, value in call.options.items()}
    arguments = [_written(call.body["model_id"], Syntax.PYTHON), _written(call.body["params"], Syntax.PYTHON, 2)]
    arguments += [f"{name}={value}" for name, value in options.items()]
    dates = "from datetime import datetime\n" if TIMES & options.keys() else ""
    user = f", user={_written(call.user, Syntax.PYTHON)}" if call.user else ""
    return f"""\
import os
{dates}
from aijobs_client import Client

with Client(url="{call.url}", key=os.environ["{KEY}"]{user}) as client:
    job = client.submit(
        {_joined(arguments, 2)}
    )
    print(job.code)
    done = client.wait(job.code)
    for output in done.outputs:
        print(output.url)
"""


def _typescript(call: ApiCall) -> str:
    user = f", user: {_written(call.user, Syntax.TYPESCRIPT)}" if call.user else ""
    arguments = [
        _written(call.body["model_id"], Syntax.TYPESCRIPT),
        _written(call.body["params"], Syntax.TYPESCRIPT, 1, step=2),
    ]
    if call.options:
        arguments.append(_written(call.options, Syntax.TYPESCRIPT, 1, step=2))
    return f"""\
import {{ AijobsClient }} from "aijobs-client";

const client = new AijobsClient({{ url: "{call.url}", token: process.env.{KEY}!{user} }});
const job = await client.submit(
  {_joined(arguments, 1, step=2)}
);
console.log(job.code);
const done = await client.wait(job.code);
for (const output of done.outputs) console.log(output.url);
"""


def _python_option(name: str, value: Any) -> str:
    written = _written(value, Syntax.PYTHON, 2)
    return f"datetime.fromisoformat({written})" if name in TIMES else written


def _joined(arguments: Sequence[str], depth: int, *, step: int = 4) -> str:
    """One argument a line."""
    return f"\n{' ' * depth * step}".join(f"{argument}," for argument in arguments)


def _written(value: Any, syntax: Syntax, depth: int = 0, *, step: int = 4) -> str:
    """A literal. What does not fit on a line has a line for each of its parts."""
    match value:
        case dict():
            parts = {_key(name, syntax): _written(one, syntax, depth + 1, step=step) for name, one in value.items()}
            space = " " if syntax is Syntax.TYPESCRIPT and parts else ""
            lines = [f"{key}: {one}" for key, one in parts.items()]
            return _enclosed(lines, "{" + space, space + "}", depth * step, step)
        case list():
            lines = [_written(one, syntax, depth + 1, step=step) for one in value]
            return _enclosed(lines, "[", "]", depth * step, step)
        case None | bool() if syntax is Syntax.PYTHON:
            return _PYTHON_WORDS[value]
        case _:
            return json.dumps(value, ensure_ascii=False)


def _key(name: str, syntax: Syntax) -> str:
    is_plain = syntax is Syntax.TYPESCRIPT and _IDENTIFIER.fullmatch(name)
    return name if is_plain else json.dumps(name, ensure_ascii=False)


def _enclosed(parts: Sequence[str], opening: str, closing: str, indent: int, step: int) -> str:
    """`indent` and `step` in spaces."""
    line = f"{opening}{', '.join(parts)}{closing}"
    if len(line) + indent <= WIDTH and "\n" not in line:
        return line
    inner = "".join(f"{' ' * (indent + step)}{part},\n" for part in parts)
    return f"{opening.strip()}\n{inner}{' ' * indent}{closing.strip()}"


def _printable(program: str) -> str:
    """A lone half of a surrogate pair is written as all three languages write it."""
    return program.encode("utf-8", "backslashreplace").decode()[:MAX_LENGTH]
