"""What is wrong with the connection to Temporal is named, by the setting that has to be changed."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from aijobs.domain.errors import TemporalMisconfigured, TemporalUnavailable
from cli.embedded.temporal_server import temporal_server
from tests.workflows.connection.cloud_front import CloudFront, cloud_front
from workflows.client import connect

KEY: Final = "tc-a-key-of-a-service-account"
LONG_AGO: Final = datetime.now(UTC) - timedelta(days=9)
YESTERDAY: Final = datetime.now(UTC) - timedelta(days=1)


@dataclass(frozen=True)
class Fronts:
    """Of one Temporal server: the plain one, and what stands before it."""

    plain: str
    for_certificates: CloudFront
    for_keys: CloudFront
    expired: CloudFront


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
async def fronts(authority: trustme.CA) -> AsyncIterator[Fronts]:
    server = authority.issue_cert("127.0.0.1", "jobs.acme.tmprl.cloud")
    stale = authority.issue_cert("127.0.0.1", not_before=LONG_AGO, not_after=YESTERDAY)
    async with AsyncExitStack() as opened:
        plain = (await opened.enter_async_context(temporal_server(data_dir=None))).address
        certificates = await opened.enter_async_context(cloud_front(plain, server, clients_of=authority))
        keys = await opened.enter_async_context(cloud_front(plain, server, api_key=KEY))
        expired = await opened.enter_async_context(cloud_front(plain, stale))
        yield Fronts(plain, certificates, keys, expired)


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Not even those of a developer's own profile."""
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(tmp_path / "none.toml"))
    monkeypatch.delenv("TEMPORAL_ADDRESS", raising=False)


class Files:
    """PEM files for settings."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self._monkeypatch = monkeypatch

    def set(self, **settings: str) -> None:
        for name, value in settings.items():
            self._monkeypatch.setenv(f"TEMPORAL_{name}", value)

    def set_file(self, name: str, content: bytes) -> None:
        path = self._folder / f"{name}.pem"
        path.write_bytes(content)
        self.set(**{name: str(path)})

    def trust(self, authority: trustme.CA) -> None:
        self.set_file("TLS_SERVER_CA_CERT_PATH", authority.cert_pem.bytes())

    def identify(self, certificate: trustme.LeafCert, *, key: bytes | None = None) -> None:
        self.set_file("TLS_CLIENT_CERT_PATH", b"".join(part.bytes() for part in certificate.cert_chain_pems))
        self.set_file("TLS_CLIENT_KEY_PATH", key or certificate.private_key_pem.bytes())


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    return Files(tmp_path, monkeypatch)


async def why_not(*, error: type[TemporalUnavailable] = TemporalUnavailable) -> str:
    with pytest.raises(TemporalUnavailable) as refused:
        await connect(None)
    assert type(refused.value) is error
    return str(refused.value)


async def test_a_client_certificate_is_let_in(fronts: Fronts, authority: trustme.CA, files: Files) -> None:
    files.set(ADDRESS=fronts.for_certificates.address, TLS_SERVER_NAME="jobs.acme.tmprl.cloud")
    files.trust(authority)
    files.identify(authority.issue_cert("worker@acme.example"))

    client = await connect(None)

    assert await client.service_client.check_health()
    assert client.namespace == "default"


async def test_an_api_key_is_sent_with_each_call(fronts: Fronts, authority: trustme.CA, files: Files) -> None:
    files.set(ADDRESS=fronts.for_keys.address)
    files.trust(authority)
    files.set_file("API_KEY_FILE", f"{KEY}\n".encode())
    fronts.for_keys.seen.clear()

    await (await connect(None)).count_workflows()

    assert fronts.for_keys.authorizations == {f"Bearer {KEY}"}
    assert "CountWorkflowExecutions" in fronts.for_keys.methods


async def test_a_server_of_another_authority(fronts: Fronts, files: Files) -> None:
    files.set(ADDRESS=fronts.for_keys.address, API_KEY=KEY)
    files.trust(trustme.CA())

    assert "TEMPORAL_TLS_SERVER_CA_CERT_PATH must hold the one that made it" in await why_not()


async def test_a_server_of_another_name(fronts: Fronts, authority: trustme.CA, files: Files) -> None:
    files.set(ADDRESS=fronts.for_keys.address, API_KEY=KEY, TLS_SERVER_NAME="elsewhere.example")
    files.trust(authority)

    assert "TEMPORAL_TLS_SERVER_NAME must be one that it is for" in await why_not()


async def test_a_server_whose_certificate_has_expired(fronts: Fronts, authority: trustme.CA, files: Files) -> None:
    files.set(ADDRESS=fronts.expired.address, TLS="true")
    files.trust(authority)

    assert "its certificate has expired" in await why_not()


async def test_a_wrong_key(fronts: Fronts, authority: trustme.CA, files: Files) -> None:
    files.set(ADDRESS=fronts.for_keys.address, API_KEY="another-key")
    files.trust(authority)

    why = await why_not()

    assert "is TEMPORAL_API_KEY right" in why
    assert "another-key" not in why


async def test_no_client_certificate(fronts: Fronts, authority: trustme.CA, files: Files) -> None:
    files.set(ADDRESS=fronts.for_certificates.address, TLS="true")
    files.trust(authority)

    assert "it may want a client certificate, TEMPORAL_TLS_CLIENT_CERT_PATH" in await why_not()


async def test_a_client_certificate_of_another_authority(fronts: Fronts, authority: trustme.CA, files: Files) -> None:
    files.set(ADDRESS=fronts.for_certificates.address)
    files.trust(authority)
    files.identify(trustme.CA().issue_cert("worker@acme.example"))

    assert "it may not take the certificate in TEMPORAL_TLS_CLIENT_CERT" in await why_not()


async def test_plain_text_where_tls_is_spoken(fronts: Fronts, files: Files) -> None:
    files.set(ADDRESS=fronts.for_keys.address)

    assert "it may want TLS, TEMPORAL_TLS=true" in await why_not()


async def test_tls_where_plain_text_is_spoken(fronts: Fronts, files: Files) -> None:
    files.set(ADDRESS=fronts.plain, TLS="true")

    assert "it speaks no TLS there" in await why_not()


async def test_nobody_is_there(files: Files) -> None:
    files.set(ADDRESS="127.0.0.1:1")

    assert await why_not() == "Temporal cannot be reached at 127.0.0.1:1: nobody listens there."


async def test_files_that_are_missing(files: Files) -> None:
    files.set(ADDRESS="127.0.0.1:1", TLS_CLIENT_CERT_PATH="/nowhere/client.pem")

    why = await why_not(error=TemporalMisconfigured)

    assert why == "TEMPORAL_TLS_CLIENT_CERT_PATH: /nowhere/client.pem cannot be read: No such file or directory"


async def test_a_file_of_a_key_that_is_missing(files: Files) -> None:
    files.set(ADDRESS="127.0.0.1:1", API_KEY_FILE="/nowhere/key")

    assert (await why_not(error=TemporalMisconfigured)).startswith("TEMPORAL_API_KEY_FILE: /nowhere/key cannot be read")


async def test_a_client_certificate_that_has_expired(authority: trustme.CA, files: Files) -> None:
    files.set(ADDRESS="127.0.0.1:1")
    files.identify(authority.issue_cert("worker@acme.example", not_before=LONG_AGO, not_after=YESTERDAY))

    why = await why_not(error=TemporalMisconfigured)

    assert why.startswith(f"TEMPORAL_TLS_CLIENT_CERT: its certificate has expired, on {YESTERDAY:%Y-%m-%d}")


async def test_a_certificate_and_the_key_of_another(authority: trustme.CA, files: Files) -> None:
    files.set(ADDRESS="127.0.0.1:1")
    another = authority.issue_cert("api@acme.example").private_key_pem.bytes()
    files.identify(authority.issue_cert("worker@acme.example"), key=another)

    why = await why_not(error=TemporalMisconfigured)

    assert why == "TEMPORAL_TLS_CLIENT_KEY: it is not the key of the certificate in TEMPORAL_TLS_CLIENT_CERT"


async def test_a_key_with_a_passphrase(authority: trustme.CA, files: Files) -> None:
    files.set(ADDRESS="127.0.0.1:1")
    certificate = authority.issue_cert("worker@acme.example")
    key = load_pem_private_key(certificate.private_key_pem.bytes(), None)
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"passphrase"))
    files.identify(certificate, key=locked)

    assert "TEMPORAL_TLS_CLIENT_KEY: it is encrypted" in await why_not(error=TemporalMisconfigured)


async def test_a_certificate_without_its_key(authority: trustme.CA, files: Files) -> None:
    files.set(ADDRESS="127.0.0.1:1")
    files.set_file("TLS_CLIENT_CERT_PATH", authority.issue_cert("worker@acme.example").cert_chain_pems[0].bytes())

    why = await why_not(error=TemporalMisconfigured)

    assert (
        why == "TEMPORAL_TLS_CLIENT_KEY_PATH: it is not set, and TEMPORAL_TLS_CLIENT_CERT_PATH is: each needs the other"
    )


@pytest.mark.parametrize("name", ["TLS_SERVER_CA_CERT_PATH", "TLS_CLIENT_CERT_PATH"])
async def test_what_is_no_certificate(authority: trustme.CA, files: Files, name: str) -> None:
    files.set(ADDRESS="127.0.0.1:1")
    files.identify(authority.issue_cert("worker@acme.example"))
    files.set_file(name, b"-----BEGIN NOTHING-----")

    variable = f"TEMPORAL_{name.removesuffix('_PATH')}"
    assert (await why_not(error=TemporalMisconfigured)).startswith(f"{variable}: there is no certificate in it")


async def test_a_key_with_a_line_end_inside(files: Files) -> None:
    files.set(ADDRESS="127.0.0.1:1", API_KEY="one\ntwo")

    why = await why_not(error=TemporalMisconfigured)

    assert why.startswith("TEMPORAL_API_KEY: this is no key")
    assert "two" not in why


async def test_temporal_cloud_without_a_key_and_with_a_name_of_elsewhere(files: Files) -> None:
    files.set(ADDRESS="jobs.acme.tmprl.cloud:7233", NAMESPACE="jobs", TLS="true")

    why = await why_not(error=TemporalMisconfigured)

    assert "TEMPORAL_API_KEY: Temporal Cloud wants one, or TEMPORAL_TLS_CLIENT_CERT_PATH" in why
    assert "TEMPORAL_NAMESPACE: namespaces of Temporal Cloud are called name.account, not 'jobs'" in why
