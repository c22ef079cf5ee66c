"""What may have been meant by a misspelt model or parameter, and by which option a parameter is given."""

import re
from difflib import get_close_matches
from typing import Final

from cli.api_client import ApiClient, Document
from cli.errors import CommandError

OPTIONS: Final = {"image": "--image"}  #: parameters with an option of their own
#: Fields of a job that have an option.
FIELDS: Final = {
    "/output_count": "--output-count",
    "/user_id": "--user",
    "/start_at": "--start-at",
    "/expires_at": "--expires-at",
    "/priority": "--priority",
    "/action": "--action",
}
_OF_A_PARAMETER: Final = re.compile(r"/params/(?P<name>[^/:]+)(?P<rest>[^:]*: .*)", re.DOTALL)


async def with_suggestions(api: ApiClient, refused: CommandError, body: Document) -> CommandError:
    """The same error, in the words of the command line, with what is alike. The API is asked for its models."""
    try:
        models: dict[str, Document] = {one["model_id"]: one for one in (await api.get("/api/models"))["data"]}
    except CommandError:
        return refused
    model = models.get(body["model_id"])
    if model is None:
        return _changed(refused, _meant(body["model_id"], list(models)))
    known = list((model["parameters"] or {}).get("properties") or {})
    strangers = [name for name in body["params"] if known and name not in known]
    meant = " ".join(filter(None, (_meant(name, known) for name in strangers)))
    return _changed(refused, meant, tuple(map(_as_option, refused.details)))


def _meant(name: str, known: list[str]) -> str:
    alike = get_close_matches(name, known, n=3, cutoff=0.5)
    return f"Did you mean {' or '.join(alike)}?" if alike else ""


def _as_option(detail: str) -> str:
    """`--image: Field required` for `/params/image: …`, `-p factor=…` for others, `--user` for `/user_id`."""
    pointer, _, message = detail.partition(": ")
    if pointer in FIELDS:
        return f"{FIELDS[pointer]}: {message}"
    found = _OF_A_PARAMETER.fullmatch(detail)
    if found is None:
        return detail
    option = OPTIONS.get(found["name"], f"-p {found['name']}=…")
    return f"{option}{found['rest']}"


def _changed(refused: CommandError, meant: str, details: tuple[str, ...] | None = None) -> CommandError:
    hint = "  ".join(filter(None, (meant, refused.hint)))
    return CommandError(
        str(refused), hint=hint, details=refused.details if details is None else details, code=refused.code
    )
