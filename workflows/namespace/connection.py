"""How Temporal is reached, as its own environment variables and profiles say, and what is wrong when it is not.

TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_API_KEY (or TEMPORAL_API_KEY_FILE), TEMPORAL_TLS, and of the form
TEMPORAL_TLS_…: SERVER_NAME, and SERVER_CA_CERT, CLIENT_CERT and CLIENT_KEY, each with _PATH or _DATA. The command
`temporal` reads the same, except for the key's file.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from temporalio.envconfig import ClientConfigProfile, ClientConfigTLS, DataSource
from temporalio.service import TLSConfig

from aijobs.domain.errors import TemporalMisconfigured
from aijobs.setting_files import SettingFileError, read_files

DEFAULT_ADDRESS: Final = "127.0.0.1:7233"
CLOUD: Final = (".tmprl.cloud:7233", ".api.temporal.io:7233")  #: how addresses in Temporal Cloud end

API_KEY: Final = "TEMPORAL_API_KEY"
SERVER_CA: Final = "TEMPORAL_TLS_SERVER_CA_CERT"
CERTIFICATE: Final = "TEMPORAL_TLS_CLIENT_CERT"
KEY: Final = "TEMPORAL_TLS_CLIENT_KEY"
SERVER_NAME: Final = "TEMPORAL_TLS_SERVER_NAME"


@dataclass(frozen=True, kw_only=True)
class TemporalConnection:
    """Arguments of `Client.connect`, checked. `expires_at` is the end of the client certificate, where there is one."""

    address: str
    namespace: str
    api_key: str | None
    tls: TLSConfig | None
    metadata: Mapping[str, str]
    expires_at: datetime | None


def temporal_address() -> str:
    """Where Temporal is, as host:port."""
    return _profile().address or DEFAULT_ADDRESS


def temporal_certificates() -> Mapping[str, bytes]:
    """What this process shows to Temporal, and trusts it by, as PEM, valid or not; nothing of what cannot be read."""
    try:
        tls = _profile().tls or ClientConfigTLS()
        found = {
            SERVER_CA: _content(SERVER_CA, tls.server_root_ca_cert),
            CERTIFICATE: _content(CERTIFICATE, tls.client_cert),
        }
    except TemporalMisconfigured:
        return {}
    return {name: pem for name, pem in found.items() if pem}


def temporal_connection() -> TemporalConnection:
    """Raises TemporalMisconfigured that names what is wrong: a file, a certificate, a key, or two that do not fit."""
    profile = _profile()
    address, namespace = profile.address or DEFAULT_ADDRESS, profile.namespace or "default"
    has_tls = profile.tls is not None or profile.api_key is not None
    tls, expires_at = None, None
    if has_tls and not (profile.tls and profile.tls.disabled):
        tls, expires_at = _tls(profile.tls or ClientConfigTLS())
    if problems := list(_problems(address, namespace, profile.api_key, tls)):
        raise TemporalMisconfigured("; ".join(problems))
    return TemporalConnection(
        address=address,
        namespace=namespace,
        api_key=profile.api_key,
        tls=tls,
        metadata=profile.grpc_meta,
        expires_at=expires_at,
    )


def _profile() -> ClientConfigProfile:
    try:
        profile = ClientConfigProfile.load()
        key_of_file = read_files(os.environ, {API_KEY}).get(API_KEY)
    except SettingFileError as wrong:
        raise TemporalMisconfigured(str(wrong)) from None
    except RuntimeError as wrong:
        raise TemporalMisconfigured(f"The settings of Temporal cannot be read: {wrong}") from wrong
    return replace(profile, api_key=key_of_file or profile.api_key or None)


def _problems(address: str, namespace: str, api_key: str | None, tls: TLSConfig | None) -> Iterator[str]:
    if api_key and not (api_key.isascii() and api_key.isprintable() and " " not in api_key):
        yield f"{API_KEY}: this is no key: it has blanks, line ends or other characters that no key has"
    if address.endswith(CLOUD):
        if tls is None:
            yield "TEMPORAL_TLS: Temporal Cloud speaks nothing but TLS, and it is off"
        if not api_key and not (tls and tls.client_cert):
            yield f"{API_KEY}: Temporal Cloud wants one, or {CERTIFICATE}_PATH and {KEY}_PATH"
        if "." not in namespace:
            yield f"TEMPORAL_NAMESPACE: namespaces of Temporal Cloud are called name.account, not {namespace!r}"


def _tls(given: ClientConfigTLS) -> tuple[TLSConfig, datetime | None]:
    ca = _content(SERVER_CA, given.server_root_ca_cert)
    certificate = _content(CERTIFICATE, given.client_cert)
    key = _content(KEY, given.client_private_key)
    if ca is not None:
        _certificate_in(SERVER_CA, ca)
    if (certificate is None) is not (key is None):
        there, missing = (CERTIFICATE, KEY) if key is None else (KEY, CERTIFICATE)
        raise TemporalMisconfigured(f"{missing}_PATH: it is not set, and {there}_PATH is: each needs the other")
    expires_at = None if certificate is None or key is None else _checked_pair(certificate, key)
    return TLSConfig(
        server_root_ca_cert=ca, domain=given.server_name, client_cert=certificate, client_private_key=key
    ), expires_at


def _content(variable: str, source: DataSource | None) -> bytes | None:
    if not isinstance(source, Path):
        return source.encode() if isinstance(source, str) else source
    try:
        return source.read_bytes()
    except OSError as unreadable:
        raise TemporalMisconfigured(f"{variable}_PATH: {source} cannot be read: {unreadable.strerror}") from unreadable


def _certificate_in(variable: str, pem: bytes) -> x509.Certificate:
    """The first, which is the own one. Raises TemporalMisconfigured, also when its time is over or has not come."""
    try:
        certificate = x509.load_pem_x509_certificates(pem)[0]
    except ValueError:
        raise TemporalMisconfigured(f"{variable}: there is no certificate in it, in PEM form") from None
    until, since = certificate.not_valid_after_utc, certificate.not_valid_before_utc
    if until < datetime.now(UTC):
        raise TemporalMisconfigured(f"{variable}: its certificate has expired, on {until:%Y-%m-%d %H:%M} UTC")
    if since > datetime.now(UTC):
        raise TemporalMisconfigured(f"{variable}: its certificate is not valid before {since:%Y-%m-%d %H:%M} UTC")
    return certificate


def _checked_pair(certificate_pem: bytes, key_pem: bytes) -> datetime:
    certificate, key = _certificate_in(CERTIFICATE, certificate_pem), _key_in(key_pem)
    encoding = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if certificate.public_key().public_bytes(*encoding) != key.public_key().public_bytes(*encoding):
        raise TemporalMisconfigured(f"{KEY}: it is not the key of the certificate in {CERTIFICATE}")
    return certificate.not_valid_after_utc


def _key_in(pem: bytes) -> PrivateKeyTypes:
    try:
        return load_pem_private_key(pem, password=None)
    except TypeError:
        raise TemporalMisconfigured(f"{KEY}: it is encrypted: Temporal's client takes no passphrase") from None
    except ValueError:
        raise TemporalMisconfigured(f"{KEY}: there is no private key in it, in PEM form") from None


#: What Temporal's client says when it cannot connect, and what it means. The first that fits counts.
REASONS: Final = (
    ("UnknownIssuer", f"its certificate is not of a known authority: {SERVER_CA}_PATH must hold the one that made it"),
    ("NotValidForName", f"its certificate is for other names: {SERVER_NAME} must be one that it is for"),
    ("InvalidCertificate(Expired", "its certificate has expired"),
    ("InvalidCertificate(NotValidYet", "its certificate is not valid yet; or is a clock wrong?"),
    ("InvalidCertificate", "its certificate is not valid"),
    ("InvalidMessage", "it speaks no TLS there: is this the right port, or is TEMPORAL_TLS=false right?"),
    ("Unauthenticated", f"it does not know us: is {API_KEY} right and not expired, or the client certificate?"),
    ("PermissionDenied", f"it refuses us: is {API_KEY} for this namespace, or the client certificate?"),
    ("ConnectionRefused", "nobody listens there"),
    ("dns error", "there is no host of this name"),
    ("timed out", "it does not answer"),
)
WITH_CERTIFICATE: Final = f"it has hung up: it may not take the certificate in {CERTIFICATE} (of another authority?)"
WITHOUT_CERTIFICATE: Final = f"it has hung up: it may want a client certificate, {CERTIFICATE}_PATH and {KEY}_PATH"
WITHOUT_TLS: Final = "it has hung up: it may want TLS, TEMPORAL_TLS=true"


def connection_problem(failed: RuntimeError, connection: TemporalConnection) -> str:
    """Why Temporal could not be connected to, in one sentence that names the setting."""
    text = str(failed)
    reason = next((reason for words, reason in REASONS if words in text), None)
    if reason is None and "after connection" in text:
        with_tls = WITH_CERTIFICATE if connection.tls and connection.tls.client_cert else WITHOUT_CERTIFICATE
        reason = with_tls if connection.tls else WITHOUT_TLS
    return f"Temporal cannot be reached at {connection.address}: {reason or text}."
