"""What a candidate reaches: itself by any name, and nobody else."""

from pathlib import Path

import pytest

from pytest_polecat import Sandbox
from pytest_polecat.sandbox import containers
from pytest_polecat.sandbox.containers import Container
from pytest_polecat.sandbox.engine import Engine

CODE = """
import http.server, socket, threading, urllib.request

class Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello")
    def log_message(self, *args): pass

def served(host):
    server = http.server.HTTPServer((host, 0), Hello)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with urllib.request.urlopen(f"http://{host}:{server.server_port}") as answer:
        return answer.read()

def interfaces(): return [name for _, name in socket.if_nameindex()]

def reach(host):
    with socket.create_connection((host, 53), timeout=2): pass
"""


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_candidate_talks_with_itself(sandbox: Sandbox, host: str) -> None:
    assert sandbox.load(CODE).served(host) == b"hello"


def test_nothing_else_is_there(sandbox: Sandbox) -> None:
    candidate = sandbox.load(CODE)
    assert candidate.interfaces() == ["lo"]
    for host in ("172.17.0.1", "1.1.1.1", "example.org", "host.docker.internal"):
        with pytest.raises(OSError, match=r"unreachable|name resolution|not known"):
            candidate.reach(host)


def test_an_engine_without_a_way_to_our_files_makes_sandboxes_all_the_same(
    host_image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(containers, "HOSTS", tmp_path / "nosuch")
    tries: list[bool] = []
    start = Container.__init__

    def noting(self: Container, *args: object, hosts: bool) -> None:
        tries.append(hosts)
        start(self, *args, hosts=hosts)  # type: ignore[arg-type]

    monkeypatch.setattr(Container, "__init__", noting)
    engine = Engine(host_image)
    made = [engine.container() for _ in range(2)]
    for container in made:
        assert container.idle()
        container.remove()
    engine.close()
    assert tries == [True, False, False]
