"""An S3 server on one node: OpenStack Swift, its four processes started and stopped together.

Configured by the environment: S3_USER (`account:user`, the access key), S3_KEY_FILE (holds the secret key), S3_DATA (a
folder on a file system with extended attributes), S3_RUN (for what is made at each start), S3_HOST, S3_PORT and
S3_WORKERS.
"""

import os
import pwd
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Final

from swift.common.ring import RingBuilder

BACKENDS: Final = {"object": 6200, "container": 6201, "account": 6202}
DEVICE: Final = "disk"
PIPELINE: Final = "catch_errors gatekeeper healthcheck listing_formats s3api tempauth slo proxy-server"
REGION: Final = "us-east-1"
STOP_SECONDS: Final = 15.0

#: Part of the names of all objects on the disk: never to be changed.
HASH_PATH: Final = "[swift-hash]\nswift_hash_path_suffix = aijobs\nswift_hash_path_prefix = aijobs\n"
POLICY: Final = "[storage-policy:0]\nname = one-copy\ndefault = yes\n"


def main() -> int:
    """Serve until a signal arrives, or a process ends by itself: then its exit code is ours."""
    run, data = Path(os.environ.get("S3_RUN", "/tmp/swift")), Path(os.environ.get("S3_DATA", "/srv/objects"))  # noqa: S108
    run.mkdir(mode=0o700, parents=True, exist_ok=True)
    (data / DEVICE).mkdir(mode=0o700, exist_ok=True)
    _write_configuration(run, data)
    programs = [*(f"swift-{name}-server" for name in BACKENDS), "swift-proxy-server"]
    processes = [_started(run, program) for program in programs]

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        return _first_end(processes)
    finally:
        _stop(processes)


def _write_configuration(run: Path, data: Path) -> None:
    (run / "swift.conf").write_text(HASH_PATH + POLICY)
    for name, port in BACKENDS.items():
        _write_ring(run / f"{name}.ring.gz", port)
        (run / f"{name}.conf").write_text(
            f"[DEFAULT]\ndevices = {data}\nmount_check = false\ndisable_fallocate = true\n"
            f"{_server(run, '127.0.0.1', port)}"
            f"[pipeline:main]\npipeline = {name}-server\n[app:{name}-server]\nuse = egg:swift#{name}\n"
        )
    proxy = run / "proxy.conf"
    proxy.touch(mode=0o600)
    proxy.write_text(_proxy_configuration(run))


def _write_ring(path: Path, port: int) -> None:
    """One device has all copies, of which there is one."""
    ring = RingBuilder(4, 1, 0)
    here = {"ip": "127.0.0.1", "port": port, "replication_ip": "127.0.0.1", "replication_port": port}
    ring.add_dev({"region": 1, "zone": 1, "device": DEVICE, "weight": 1.0, "meta": "", **here})
    ring.rebalance()
    ring.get_ring().save(str(path))


def _proxy_configuration(run: Path) -> str:
    user = os.environ["S3_USER"].replace(":", "_")
    key = Path(os.environ["S3_KEY_FILE"]).read_text("utf-8").strip()
    options = {
        "s3api": f"location = {REGION}\ns3_acl = false\nauth_pipeline_check = false\ncheck_bucket_owner = false\n",
        "tempauth": f"user_{user} = {key} .admin\n",
    }
    filters = "".join(
        f"[filter:{name}]\nuse = egg:swift#{name}\n{options.get(name, '')}" for name in PIPELINE.split()[:-1]
    )
    host, port = os.environ.get("S3_HOST", "0.0.0.0"), int(os.environ.get("S3_PORT", "8080"))  # noqa: S104
    return (
        f"[DEFAULT]\n{_server(run, host, port)}[pipeline:main]\npipeline = {PIPELINE}\n"
        "[app:proxy-server]\nuse = egg:swift#proxy\nallow_account_management = true\naccount_autocreate = true\n"
        f"{filters}"
    )


def _server(run: Path, host: str, port: int) -> str:
    return (
        f"bind_ip = {host}\nbind_port = {port}\nworkers = {os.environ.get('S3_WORKERS', '2')}\nswift_dir = {run}\n"
        f"user = {pwd.getpwuid(os.geteuid()).pw_name}\nlog_level = WARNING\n"
    )


def _started(run: Path, program: str) -> subprocess.Popen[bytes]:
    configuration = run / f"{program.split('-')[1]}.conf"
    command = [str(Path(sys.executable).parent / program), str(configuration), "-v"]
    return subprocess.Popen(command, env={**os.environ, "SWIFT_ETC": str(run)})  # noqa: S603


def _first_end(processes: list[subprocess.Popen[bytes]]) -> int:
    while True:
        for process in processes:
            if (code := process.poll()) is not None:
                return code or 1
        time.sleep(0.5)


def _stop(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.terminate()
    ends = time.monotonic() + STOP_SECONDS
    for process in processes:
        try:
            process.wait(max(0.0, ends - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


if __name__ == "__main__":
    sys.exit(main())
