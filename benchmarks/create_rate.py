"""How many transcriptions a second are accepted while both cores recognise, and how fast `/healthz` answers meanwhile.

Run: python benchmarks/create_rate.py [--seconds 30] [--rate 110]
SQLite with synchronous=FULL, one API process, workers on all cores. Requests start on a fixed schedule (an open loop),
so a slow answer does not hold the next request back, and waiting in line counts as latency.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import json
import statistics
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.request import Request, urlopen

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from speech import long_wav

from servers import Customer, Server, customer, polyscribe

CLIENTS = 32


class Client:
    """One keep-alive connection per thread."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._local = threading.local()
        pair = f"{server.account_sid}:{server.auth_token}".encode()
        self._headers = {
            "Authorization": f"Basic {base64.b64encode(pair).decode()}",
            "Content-Type": "application/json",
        }

    def call(self, method: str, path: str, body: object = None) -> tuple[int, bytes]:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=30)
            self._local.connection = connection
        payload = None if body is None else json.dumps(body)
        connection.request(method, path, payload, self._headers)
        answer = connection.getresponse()
        return answer.status, answer.read()


def configuration(client: Client, host: Customer, **more: object) -> str:
    """The id of a new configuration that tells `host` of every end."""
    wanted = {
        "configurationType": "Transcription",
        "transcriptionEngine": "deepgram",
        "language": "en-US",
        "transcriptionStatusCallback": {"url": f"{host.url}/callback", "method": "POST"},
        "participantDefaults": [
            {"audioChannelIndex": 1, "type": "CUSTOMER"},
            {"audioChannelIndex": 2, "type": "HUMAN_AGENT"},
        ],
        **more,
    }
    status, body = client.call("POST", "/v2/Configurations/Transcription", {"configuration": wanted})
    if status != 201:
        raise SystemExit(f"{status} {body!r}")
    return str(json.loads(body)["id"])


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def occupy(client: Client, wanted: str, url: str) -> None:
    """Long jobs, so that every core recognises during the measurement."""
    for _ in range(4):
        status, body = client.call(
            "POST", "/v3/Transcriptions", {"transcriptionConfigurationId": wanted, "mediaUrl": url}
        )
        if status != 202:
            raise SystemExit(f"{status} {body!r}")


def measure(client: Client, server: Server, wanted: str, url: str, seconds: float, rate: float) -> None:
    creates: list[float] = []
    bad: list[int] = []
    health: list[float] = []
    stop = threading.Event()

    def create(due: float) -> None:
        status, _ = client.call("POST", "/v3/Transcriptions", {"transcriptionConfigurationId": wanted, "mediaUrl": url})
        creates.append(time.perf_counter() - due)
        if status != 202:
            bad.append(status)

    def look() -> None:
        while not stop.wait(0.05):
            began = time.perf_counter()
            with urlopen(Request(f"{server.base_url}/healthz"), timeout=30) as answer:  # noqa: S310 (loopback)
                answer.read()
            health.append(time.perf_counter() - began)

    looker = threading.Thread(target=look)
    looker.start()
    began = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as clients:
        for number in range(int(seconds * rate)):
            due = began + number / rate
            time.sleep(max(0.0, due - time.perf_counter()))
            clients.submit(create, due)
    took = time.perf_counter() - began
    stop.set()
    looker.join()
    print(
        f"accepted {len(creates) - len(bad)} in {took:.1f} s = {(len(creates) - len(bad)) / took:.0f}/s, "
        f"{len(bad)} refused"
    )
    print(f"create  p50 {statistics.median(creates) * 1e3:.0f} ms  p99 {percentile(creates, 0.99) * 1e3:.0f} ms")
    print(f"healthz p50 {statistics.median(health) * 1e3:.1f} ms  p99 {percentile(health, 0.99) * 1e3:.1f} ms")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=30.0)
    options.add_argument("--rate", type=float, default=110.0)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        long_wav(folder / "long.wav", minutes=30)
        with customer(folder) as host, polyscribe(folder / "data") as server:
            client = Client(server)
            wanted, url = configuration(client, host), f"{host.url}/long.wav"
            occupy(client, wanted, url)
            time.sleep(10)
            measure(client, server, wanted, url, given.seconds, given.rate)


if __name__ == "__main__":
    main()
