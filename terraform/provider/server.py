"""Serves the provider to many Terraform runs at once, until it is told to end.

The framework's own runner serves one run: it stops at the first StopProvider call, which Terraform sends when *one*
run is interrupted. Here that call ends nothing.
"""

import hashlib
import json
import os
import signal
import socket
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
from tf.gen import tfplugin_pb2_grpc as rpc
from tf.provider import ProviderServicer

from lifecycle.provisioning.terraform.files import write_json
from terraform.provider import ADDRESS
from terraform.provider.provider import RegionProvider

THREADS = 32
LONGEST_SOCKET = 100  # the system's limit is 108 bytes
GRACE_SECONDS = 20.0


def serve(reattach_file: Path) -> None:
    """Serve until SIGTERM or SIGINT; the file tells runs how to reach it and exists only while it answers."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    path = socket_path(reattach_file)
    _refuse_second(path)
    path.unlink(missing_ok=True)
    server = grpc.server(ThreadPoolExecutor(THREADS, thread_name_prefix="provider"))
    rpc.add_ProviderServicer_to_server(ProviderServicer(RegionProvider()), server)
    server.add_insecure_port(f"unix:{path}")
    server.start()
    path.chmod(0o600)
    write_json(reattach_file, reattach(path))
    print("ready", flush=True)
    ended.wait()
    reattach_file.unlink(missing_ok=True)
    server.stop(GRACE_SECONDS).wait()
    path.unlink(missing_ok=True)


def reattach(path: Path) -> dict[str, object]:
    """Return what TF_REATTACH_PROVIDERS holds for a provider on this socket."""
    address = {"Network": "unix", "String": str(path)}
    served = {"Protocol": "grpc", "ProtocolVersion": 6, "Pid": os.getpid(), "Test": True, "Addr": address}
    return {ADDRESS: served}


def socket_path(reattach_file: Path) -> Path:
    """Return a path that stays the same over restarts, in a directory of this user alone, short enough for a socket."""
    beside = reattach_file.resolve().parent / "provider.sock"
    if len(str(beside).encode()) <= LONGEST_SOCKET:
        return beside
    name = hashlib.sha256(str(beside).encode()).hexdigest()[:16]
    private = Path(tempfile.gettempdir()) / f"bailiwick-{os.getuid()}-{name}"
    private.mkdir(mode=0o700, exist_ok=True)
    about = private.stat()
    if about.st_uid != os.getuid() or about.st_mode & 0o077:
        raise PermissionError(f"{private} is not private to this user")
    return private / "provider.sock"


def _refuse_second(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return
    raise SystemExit(f"another provider already answers on {path}")


def shown(reattach_file: Path) -> str:
    """Return the line for a shell that wants to use the served provider by hand."""
    return f"export TF_REATTACH_PROVIDERS='{json.dumps(json.loads(reattach_file.read_text()))}'"
