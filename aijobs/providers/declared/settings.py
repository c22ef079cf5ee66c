"""The settings of a declared provider, whose defaults are in its file."""

from typing import Any, cast

from pydantic import BaseModel, ConfigDict, create_model

from aijobs.domain.values.secret_forms import Token, WebhookSecret
from aijobs.providers.declared.declaration import Declaration


class DeclaredSettings(BaseModel):
    """It is enabled when a token is set."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    token: Token | None = None
    base_url: str
    download_hosts: tuple[str, ...]


class SigningDeclaredSettings(DeclaredSettings):
    """The settings of one whose webhooks are signed by Standard Webhooks."""

    webhook_secret: WebhookSecret | None = None


def settings_of(declaration: Declaration) -> type[DeclaredSettings]:
    fields: dict[str, Any] = {
        "base_url": (str, declaration.base_url),
        "download_hosts": (tuple[str, ...], tuple(declaration.download_hosts)),
    }
    base: type[DeclaredSettings] = SigningDeclaredSettings if declaration.signs_webhooks else DeclaredSettings
    return cast(type[DeclaredSettings], create_model("DeclaredSection", __base__=base, **fields))
