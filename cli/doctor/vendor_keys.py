"""Checks the keys of outside services, each with a request that costs nothing."""

from collections.abc import AsyncIterator

import httpx

from aijobs.domain.vendor import Vendor
from aijobs.providers.registry import PROVIDERS
from aijobs.settings import VENDORS, Settings, variable
from cli.doctor.checks import HTTP_TIMEOUT
from cli.doctor.report import Finding, broken, doubtful, fine, off


async def vendor_keys(settings: Settings) -> AsyncIterator[Finding]:
    stands_in = "" if any(map(settings.has_key, PROVIDERS)) else "; until then `aijobs up` starts the sandbox"
    for name, vendor in VENDORS.items():
        if settings.has_key(name):
            yield await _check_key(settings, name, vendor)
        else:
            yield off(vendor.label, "has no key.", f"Set {variable(name, 'token')}{stands_in}.")


async def _check_key(settings: Settings, name: str, vendor: Vendor) -> Finding:
    section = settings.section(name)
    assert section.token is not None
    check = vendor.key_check
    url = section.base_url.rstrip("/") + check.path
    headers = check.signed(section, url) if check.signed else check.headers(section.token.get_secret_value().strip())
    try:
        async with httpx.AsyncClient(timeout=HTTP_TIMEOUT, trust_env=False) as http:
            response = await http.get(url, headers=headers)
    except httpx.HTTPError as unreachable:
        return broken(vendor.label, f"{url}: {unreachable or type(unreachable).__name__}", "Can this machine reach it?")
    if response.status_code in {401, 403}:
        return broken(vendor.label, "refuses the key.", f"Set {variable(name, 'token')} to a valid one.")
    is_fine = response.status_code in check.also_fine
    if complaint := check.complaint(response.content) if response.status_code < 400 or is_fine else None:
        return broken(vendor.label, f"{url} {complaint}", check.wrong_address_hint)
    if not (response.is_success or is_fine):
        hint = check.wrong_address_hint if response.status_code < 500 else "Try again later."
        return doubtful(vendor.label, f"{url} answered {response.status_code}.", hint)
    learned = "; ".join(vendor.learned(section, settings.data_dir))
    return fine(vendor.label, f"{section.base_url} takes the key{f' ({learned})' if learned else ''}")
