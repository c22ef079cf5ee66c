"""OpenStack Swift with its S3 API as a real object store: one node, no root, over HTTP and over TLS.

Needs a directory on a file system with extended attributes. The same backends serve both proxies.
"""

import contextlib
import getpass
import os
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.error import URLError
from urllib.request import urlopen

import boto3
import trustme
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ACCESS_KEY: Final = "test:tester"
SECRET_KEY: Final = "testing"
REGION: Final = "us-east-1"
BUCKET: Final = "aijobs-test"

START_SECONDS: Final = 60
STOP_SECONDS: Final = 10

BACKENDS: Final = ("object", "container", "account")
PIPELINE: Final = "catch_errors gatekeeper healthcheck listing_formats s3api tempauth slo proxy-server"

# Three rings of one device each. One process for all of them: importing takes most of the time.
RINGS: Final = """
import sys
from swift.common.ring import RingBuilder
for written in sys.argv[1:]:
    path, port = written.split("=")
    ring = RingBuilder(4, 1, 0)
    here = {"ip": "127.0.0.1", "port": int(port), "replication_ip": "127.0.0.1", "replication_port": int(port)}
    ring.add_dev({"region": 1, "zone": 1, "device": "disk", "weight": 1.0, "meta": "", **here})
    ring.rebalance()
    ring.get_ring().save(path)
"""


@dataclass(frozen=True)
class SwiftServer:
    """Both endpoints lead to the same objects. The bucket is there."""

    endpoint: str
    tls_endpoint: str
    ca_bundle: Path
    bucket: str = BUCKET
    access_key: str = ACCESS_KEY
    secret_key: str = SECRET_KEY
    region: str = REGION

    @contextmanager
    def client(self) -> Iterator["S3Client"]:
        """A client for inspecting the store. It retries often, since the backends may start later than the proxy."""
        client = boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=self.region,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            config=Config(s3={"addressing_style": "path"}, retries={"mode": "standard", "total_max_attempts": 10}),
        )
        try:
            yield client
        finally:
            client.close()


@contextmanager
def swift_server(directory: Path) -> Iterator[SwiftServer]:
    """Start Swift and create the bucket; stops every process at the end."""
    ports = dict(zip((*BACKENDS, "http", "tls"), _free_ports(len(BACKENDS) + 2), strict=True))
    ca_bundle, certificate = _certificates(directory)
    _write_configuration(directory, ports, certificate)
    _build_rings(directory, ports)
    server = SwiftServer(
        endpoint=f"http://127.0.0.1:{ports['http']}",
        tls_endpoint=f"https://127.0.0.1:{ports['tls']}",
        ca_bundle=ca_bundle,
    )
    with contextlib.ExitStack() as processes:
        for name in BACKENDS:
            processes.enter_context(_running(directory, f"swift-{name}-server", name))
        processes.enter_context(_running(directory, "swift-proxy-server", "http"))
        processes.enter_context(_running(directory, "swift-proxy-server", "tls"))
        _wait_until_ready([ports["http"], ports["tls"]], server.endpoint)
        with server.client() as client:
            client.create_bucket(Bucket=server.bucket)
        yield server


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as sockets:
        bound = [sockets.enter_context(socket.socket()) for _ in range(count)]
        for one in bound:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in bound]


def _certificates(directory: Path) -> tuple[Path, Path]:
    authority = trustme.CA()
    ca_bundle, certificate = directory / "ca.pem", directory / "server.pem"
    authority.cert_pem.write_to_path(str(ca_bundle))
    authority.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(certificate))
    return ca_bundle, certificate


def _write_configuration(directory: Path, ports: dict[str, int], certificate: Path) -> None:
    (directory / "devices" / "disk").mkdir(parents=True)
    (directory / "swift.conf").write_text(
        textwrap.dedent("""\
            [swift-hash]
            swift_hash_path_suffix = test
            swift_hash_path_prefix = test
            [storage-policy:0]
            name = only
            default = yes
        """)
    )
    for name in BACKENDS:
        (directory / f"{name}.conf").write_text(_backend_conf(directory, name, ports[name]))
    (directory / "http.conf").write_text(_proxy_conf(directory, ports["http"], tls=""))
    tls = f"cert_file = {certificate}\nkey_file = {certificate}\n"
    (directory / "tls.conf").write_text(_proxy_conf(directory, ports["tls"], tls=tls))


def _backend_conf(directory: Path, name: str, port: int) -> str:
    return (
        f"[DEFAULT]\ndevices = {directory}/devices\nmount_check = false\ndisable_fallocate = true\n"
        f"{_where(directory, port)}"
        f"[pipeline:main]\npipeline = {name}-server\n"
        f"[app:{name}-server]\nuse = egg:swift#{name}\n"
    )


def _proxy_conf(directory: Path, port: int, *, tls: str) -> str:
    filters = {
        "catch_errors": "",
        "gatekeeper": "",
        "healthcheck": "",
        "listing_formats": "",
        "s3api": f"location = {REGION}\ns3_acl = false\nauth_pipeline_check = false\ncheck_bucket_owner = false\n",
        "tempauth": f"user_{ACCESS_KEY.replace(':', '_')} = {SECRET_KEY} .admin\n",
        "slo": "",
    }
    return (
        f"[DEFAULT]\n{_where(directory, port)}{tls}"
        f"[pipeline:main]\npipeline = {PIPELINE}\n"
        "[app:proxy-server]\nuse = egg:swift#proxy\nallow_account_management = true\naccount_autocreate = true\n"
        + "".join(f"[filter:{name}]\nuse = egg:swift#{name}\n{options}" for name, options in filters.items())
    )


def _where(directory: Path, port: int) -> str:
    return (
        f"bind_ip = 127.0.0.1\nbind_port = {port}\nworkers = 0\n"
        f"swift_dir = {directory}\nuser = {getpass.getuser()}\nlog_level = WARNING\n"
    )


def _build_rings(directory: Path, ports: dict[str, int]) -> None:
    rings = [f"{directory}/{name}.ring.gz={ports[name]}" for name in BACKENDS]
    subprocess.run([sys.executable, "-c", RINGS, *rings], check=True, timeout=START_SECONDS)


@contextmanager
def _running(directory: Path, program: str, name: str) -> Iterator[None]:
    with (directory / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            [Path(sys.executable).parent / program, f"{directory}/{name}.conf", "-v"],
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "SWIFT_ETC": str(directory)},
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(ports: list[int], endpoint: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not (all(map(_listens, ports)) and _is_healthy(endpoint)):
        if time.monotonic() > deadline:
            raise TimeoutError("Swift does not start; see the logs in its directory.")
        time.sleep(0.1)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _is_healthy(endpoint: str) -> bool:
    try:
        with urlopen(f"{endpoint}/healthcheck", timeout=1) as answer:
            return bool(answer.status == 200)
    except (URLError, ConnectionError, TimeoutError):
        return False
