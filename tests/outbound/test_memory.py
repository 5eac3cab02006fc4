"""Memory while a large file arrives, seen from outside, in a process of its own."""

import subprocess
import sys
from pathlib import Path

from outbound.stand_in import Asked, Line, serving

SIZE_BYTES = 200 << 20
FETCHING = """
import resource, sys
from pathlib import Path
from polyscribe.outbound import Allowed, Door
door = Door(Allowed.parse("127.0.0.1"))
def peak_kib(path):
    door.fetch(sys.argv[1] + path, Path(sys.argv[2]), max_bytes=1 << 30)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = peak_kib("/small")
print(peak_kib("/large") - before)
"""


def test_memory_does_not_grow_with_the_content(tmp_path: Path) -> None:
    piece = bytes(1 << 20)

    def script(asked: Asked, line: Line) -> None:
        size_bytes = SIZE_BYTES if asked.path == "/large" else len(piece)
        line.answer(200, content_length=str(size_bytes))
        for _ in range(size_bytes // len(piece)):
            line.send(piece)

    with serving(script) as server:
        ran = subprocess.run(
            [sys.executable, "-c", FETCHING, server.url, str(tmp_path / "content")],
            capture_output=True,
            text=True,
            check=True,
        )

    assert (tmp_path / "content").stat().st_size == SIZE_BYTES
    (tmp_path / "content").unlink()
    assert int(ran.stdout) < 4 * 1024  # KiB
