"""What the product knows of a declared provider, as of any other."""

from functools import partial

from aijobs.domain.vendor import KeyCheck, SandboxAccess, Vendor
from aijobs.providers.declared.adapter import opened_declared
from aijobs.providers.declared.reading import read_declaration
from aijobs.providers.declared.settings import settings_of
from aijobs.providers.declared.specimens import specimen_of
from aijobs.providers.package import ProviderPackage


def declared_package(text: str) -> ProviderPackage:
    """Raises DeclarationError for a file that is wrong."""
    declaration = read_declaration(text)

    def stand_in(sandbox: SandboxAccess) -> dict[str, str]:
        secret = {"webhook_secret": sandbox.webhook_secret} if declaration.signs_webhooks else {}
        return {"token": sandbox.token, "base_url": sandbox.url, **secret}

    auth = declaration.auth
    return ProviderPackage(
        vendor=Vendor(
            label=declaration.label,
            key_check=KeyCheck(path=auth.check, header=auth.header, scheme=auth.scheme),
            stand_in=stand_in,
        ),
        settings=settings_of(declaration),
        opened=partial(opened_declared, declaration),
        specimen=specimen_of(declaration),
    )
