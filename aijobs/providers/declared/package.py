"""What the product knows of a declared provider, as of any other."""

import json
from functools import partial

from aijobs.domain.vendor import KeyCheck, SandboxAccess, Vendor
from aijobs.providers.declared.adapter import SUCCESS, opened_declared
from aijobs.providers.declared.declaration import ErrorSection
from aijobs.providers.declared.reading import read_declaration
from aijobs.providers.declared.settings import settings_of
from aijobs.providers.declared.specimens import specimen_of
from aijobs.providers.package import ProviderPackage
from aijobs.providers.submit_outcomes import SubmitVerdict


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
            key_check=KeyCheck(
                path=auth.check,
                header=auth.header,
                scheme=auth.scheme,
                complaint=partial(_complaint, declaration.errors),
                wrong_address_hint="Are its key and its base URL right?",
                constant_headers=declaration.submit.constant_headers,
            ),
            stand_in=stand_in,
        ),
        settings=settings_of(declaration),
        opened=partial(opened_declared, declaration),
        specimen=specimen_of(declaration),
    )


def _complaint(errors: ErrorSection, body: bytes) -> str | None:
    """What is wrong with a success by the vendor's own code in it: some vendors refuse a key so."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return "answers without JSON"
    code = errors.code.text(answer) if errors.code else None
    if code is None or errors.table().meaning(SUCCESS, code) is SubmitVerdict.UNKNOWN:
        return None
    return f"answers {code}: {errors.message.text(answer) or 'no reason'}"
