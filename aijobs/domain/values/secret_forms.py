"""Secrets as operators paste them: what cannot be one is refused at the start, by the setting's name and unseen.

Each type is for a setting. The messages never quote what was set.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Final

from pydantic import AfterValidator, SecretStr

WEBHOOK_PREFIX: Final = "whsec_"
WEBHOOK_KEY_BYTES: Final = range(24, 65)  #: by Standard Webhooks
SHORTEST_INSTALLATION_SECRET: Final = 16  #: characters

_QUOTES: Final = "\"'`“”‘’«»"
_SCHEME: Final = re.compile(r"(?:bearer|token|key|basic)[\s:=]", re.IGNORECASE)
_ASSIGNMENT: Final = re.compile(r"(?:export\s+)?[A-Z][A-Z0-9_]*=(?!=*$)")
_PLACEHOLDER: Final = re.compile(
    r"…|\.\.\.|^<.*>$|\$\{|^\$[A-Z_]+$|\{\{|^(?:\w{2,6}[-_])?[x*]{3,}$|(?:^|[-_])your[-_]|^(?:changeme|change[-_]me|todo)$",
    re.IGNORECASE,
)
_REPEATED: Final = re.compile(r"(.+?)\1+")
_ACCESS_KEY_ID: Final = re.compile(r"(?:AKIA|ASIA)[A-Z0-9]{16}")

OUR_KEY: Final = "aijobs_"
JWT_PARTS: Final = 3
KEYS_BY_START: Final[Mapping[str, str]] = {
    OUR_KEY: "a key of aijobs itself",
    "AKIA": "an access key's id of AWS",
    "ASIA": "an access key's id of AWS",
}
FEWEST_LETTERS: Final = 8  #: different ones in a random text of 16 characters, as good as always

Check = Callable[[str], str | None]


def _slip(written: str) -> str | None:
    """What went wrong when this was pasted, where it shows."""
    if _PLACEHOLDER.search(written):
        return "is a placeholder: put the real one there"
    if written[0] in _QUOTES or written[-1] in _QUOTES:
        return "has quotes around it: leave them out"
    if _SCHEME.match(written):
        return "begins with the name of a scheme, as in a header: give what comes behind it"
    if _ASSIGNMENT.match(written):
        return "is an assignment: give only the value"
    if written.startswith(("http://", "https://")):
        return "is a link"
    if any(letter.isspace() or not letter.isprintable() for letter in written):
        return "has white space or control characters in it"
    if not written.isascii():
        return "has letters in it that no key has"
    return None


def _not_a_webhook_secret(written: str) -> str | None:
    if written.startswith(("v1,", WEBHOOK_PREFIX)):
        return "is a webhook secret: it belongs into …__WEBHOOK_SECRET"
    return None


def _key_of_elsewhere(written: str) -> str | None:
    found = next((start for start in KEYS_BY_START if written.startswith(start)), None)
    return f"is {KEYS_BY_START[found]}: it belongs into another setting" if found else None


def _our_key_error(written: str) -> str | None:
    is_token = written.startswith("eyJ") and written.count(".") == JWT_PARTS - 1
    if not written.startswith(OUR_KEY) and not is_token:
        return "is no key of aijobs: those begin with aijobs_"
    return None


def _webhook_secret_error(written: str) -> str | None:
    if written.startswith("v1,"):
        return "begins with v1, which belongs to a signature: a webhook secret begins with whsec_"
    if not written.startswith(WEBHOOK_PREFIX):
        return "is no webhook secret: those begin with whsec_"
    encoded = written.removeprefix(WEBHOOK_PREFIX)
    try:
        key = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return "is not whole: behind whsec_ there must be base64"
    if len(key) not in WEBHOOK_KEY_BYTES or base64.b64encode(key).decode() != encoded:
        return "is not whole: letters are missing or changed"
    return None


def _secret_access_key_error(written: str) -> str | None:
    if _ACCESS_KEY_ID.fullmatch(written):
        return "is an access key's id: the two keys are swapped"
    return None


def _checked(*checks: Check) -> Callable[[SecretStr], SecretStr]:
    """Spaces and line ends around a secret, as files end with one, are taken off. An empty one counts as not set."""

    def check(secret: SecretStr) -> SecretStr:
        written = secret.get_secret_value().strip()
        for find_error in checks if written else ():
            if error := find_error(written):
                raise ValueError(error)
        return SecretStr(written)

    return check


def _long_enough(secret: SecretStr) -> SecretStr:
    """It is used as it is: a space more or less is another secret. An empty one counts as not set."""
    written = secret.get_secret_value()
    bare = written.strip()
    is_guessable = len(bare) < SHORTEST_INSTALLATION_SECRET or len(set(bare)) < FEWEST_LETTERS
    if written and (is_guessable or _PLACEHOLDER.search(bare) or _REPEATED.fullmatch(bare)):
        raise ValueError(f"must be a random text of at least {SHORTEST_INSTALLATION_SECRET} characters")
    return secret


def checked_token(*checks: Check) -> Callable[[SecretStr], SecretStr]:
    """For keys of a service that knows more of their form: each check says what is wrong with one, or nothing."""
    return _checked(_slip, _not_a_webhook_secret, *checks)


#: A key of some service, in a form that is not known.
Token = Annotated[SecretStr, AfterValidator(checked_token(_key_of_elsewhere))]
#: A key or an end user's token of an installation of aijobs.
AijobsKey = Annotated[SecretStr, AfterValidator(checked_token(_our_key_error))]
#: `whsec_…`, by Standard Webhooks.
WebhookSecret = Annotated[SecretStr, AfterValidator(_checked(_slip, _webhook_secret_error))]
AccessKey = Annotated[SecretStr, AfterValidator(_checked(_slip))]
SecretAccessKey = Annotated[SecretStr, AfterValidator(_checked(_slip, _secret_access_key_error))]
#: The installation's own.
InstallationSecret = Annotated[SecretStr, AfterValidator(_long_enough)]
