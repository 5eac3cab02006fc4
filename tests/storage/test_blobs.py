"""Every blob store must pass this suite."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from polyscribe.domain.errors import NotFound, StoreFailed
from polyscribe.ports import BlobStore
from polyscribe.storage.blobs_local import LocalBlobs
from polyscribe.storage.blobs_s3 import S3Blobs

MIB = 1 << 20


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    if importlib.util.find_spec("moto") is None:
        pytest.skip("moto is not installed")
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        environment.setenv("AWS_ACCESS_KEY_ID", "test")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "test")
        environment.setenv("AWS_REGION", "us-east-1")
        yield "s3://sound"
    server.stop()


@pytest.fixture(params=["local", "s3"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    if request.param == "local":
        return LocalBlobs(tmp_path / "blobs")
    url = request.getfixturevalue("s3")
    _make_bucket("sound")
    return S3Blobs(f"{url}/{uuid.uuid4().hex}")


def _make_bucket(name: str) -> None:
    import boto3

    boto3.client("s3").create_bucket(Bucket=name)


def read(blobs: BlobStore, key: str, start: int, stop: int) -> list[bytes]:
    async def collect() -> list[bytes]:
        return [piece async for piece in blobs.read(key, start, stop)]

    return asyncio.run(collect())


def test_what_is_put_is_found_again(blobs: BlobStore) -> None:
    blobs.put("a/b/c.bin", b"sound")

    assert blobs.size("a/b/c.bin") == 5
    assert b"".join(read(blobs, "a/b/c.bin", 0, 5)) == b"sound"


def test_a_file_comes_back_as_it_went_in(blobs: BlobStore, tmp_path: Path) -> None:
    content = os.urandom(7 * MIB + 3)
    (tmp_path / "in").write_bytes(content)

    blobs.put_file("file", tmp_path / "in")
    blobs.get_file("file", tmp_path / "out")

    assert (tmp_path / "out").read_bytes() == content


def test_a_part_is_read_in_pieces_of_at_most_a_mebibyte(blobs: BlobStore) -> None:
    content = os.urandom(3 * MIB)
    blobs.put("long", content)

    pieces = read(blobs, "long", 10, 2 * MIB + 10)

    assert b"".join(pieces) == content[10 : 2 * MIB + 10]
    assert max(len(piece) for piece in pieces) <= MIB


@pytest.mark.parametrize(("start", "stop", "part"), [(3, 100, b"nd"), (5, 9, b""), (100, 200, b""), (2, 2, b"")])
def test_a_part_ends_where_the_blob_ends(blobs: BlobStore, start: int, stop: int, part: bytes) -> None:
    blobs.put("short", b"sound")

    assert b"".join(read(blobs, "short", start, stop)) == part


def test_an_empty_blob_is_a_blob(blobs: BlobStore, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()

    blobs.put_file("empty", tmp_path / "empty")
    blobs.get_file("empty", tmp_path / "out")

    assert blobs.size("empty") == 0
    assert (tmp_path / "out").read_bytes() == b""


def test_putting_again_replaces(blobs: BlobStore) -> None:
    blobs.put("key", b"first, and longer")
    blobs.put("key", b"second")

    assert b"".join(read(blobs, "key", 0, 100)) == b"second"


def test_deleting_twice_is_as_good_as_once(blobs: BlobStore) -> None:
    blobs.put("key", b"sound")

    blobs.delete("key")
    blobs.delete("key")

    with pytest.raises(NotFound):
        blobs.size("key")


def test_what_is_not_there_is_not_found(blobs: BlobStore, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        blobs.size("nothing")
    with pytest.raises(NotFound):
        blobs.get_file("nothing", tmp_path / "out")
    with pytest.raises(NotFound):
        read(blobs, "nothing", 0, 1)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("key", ["", "/etc/passwd", "../up", "a/../../up", "a//b", ".hidden", "a\\b", "a\0b", "é"])
def test_a_key_that_leads_elsewhere_is_a_mistake(blobs: BlobStore, key: str) -> None:
    with pytest.raises(ValueError, match="not a key"):
        blobs.put(key, b"")
    with pytest.raises(ValueError, match="not a key"):
        blobs.size(key)
    with pytest.raises(ValueError, match="not a key"):
        blobs.delete(key)


def test_a_file_that_is_not_there_cannot_be_put(blobs: BlobStore, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        blobs.put_file("key", tmp_path / "missing")


def test_a_local_blob_that_could_not_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    blobs = LocalBlobs(tmp_path)
    (tmp_path / "key").mkdir()

    with pytest.raises(StoreFailed):
        blobs.put("key", b"sound")

    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_a_service_that_does_not_answer_is_worth_another_try(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")

    with pytest.raises(StoreFailed) as caught:
        S3Blobs("s3://sound", patience_s=0.1).size("key")

    assert caught.value.retryable
