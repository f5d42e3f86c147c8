"""`python -m terraform.testing serve --reattach-file F [--folder D] [--outside J]`: the double, until told to end."""

import argparse
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
from tf.gen import tfplugin_pb2_grpc as rpc

from lifecycle.provisioning.terraform.files import write_json
from terraform.testing import ADDRESS
from terraform.testing.servicer import AwsDouble

ROOT = Path(__file__).parents[1]
THREADS = 16


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m terraform.testing", description=__doc__)
    parser.add_argument("verb", choices=["serve"])
    parser.add_argument("--reattach-file", type=Path, required=True)
    parser.add_argument("--folder", type=Path, action="append", default=[], help="serve what it uses, too")
    parser.add_argument("--outside", type=Path, help="a file that says what others did meanwhile (world.py)")
    options = parser.parse_args()
    serve(options.reattach_file, [ROOT, *options.folder], options.outside)


def serve(reattach_file: Path, folders: list[Path], outside: Path | None = None) -> None:
    """Serve on a port of this machine alone; the file tells runs how to reach it and exists only while it answers.

    A port and not a socket file: only over TCP can one run's connection be told from another's.
    """
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    server = grpc.server(ThreadPoolExecutor(THREADS, thread_name_prefix="double"))
    rpc.add_ProviderServicer_to_server(AwsDouble(folders, outside), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    address = {"Network": "tcp", "String": f"127.0.0.1:{port}"}
    served = {"Protocol": "grpc", "ProtocolVersion": 6, "Pid": os.getpid(), "Test": True, "Addr": address}
    write_json(reattach_file, {ADDRESS: served})
    print("ready", flush=True)
    ended.wait()
    reattach_file.unlink(missing_ok=True)
    server.stop(0.5).wait()


if __name__ == "__main__":
    main()
