"""What becomes of every shared recording, real and made, when it is sent to a running server: a table.

Run: python benchmarks/outcomes.py [--out outcomes.md] [--results results.json]
Expected: malformed files fail with the documented code; noise gives no word; other languages are not claimed to be
English; everything else is transcribed. `--results` writes the texts as /shared/score/wer.py reads them.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from material import MADE, REAL

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from create_rate import Client, configuration

from servers import Customer, customer, polyscribe

MUST_FAIL = {
    "empty_0s.wav",
    "fake_text.wav",
    "playlist_trap.m3u8",
    "truncated_header.m4a",
    "voicemail_8k.ulaw",
    "short_under_2s_16k.wav",
    "fm-truncated-40pc.wav",
    "fm-mp3-truncated.mp3",
    "brooklyn-identical-channels.wav",
    "fm-very-short-60ms.wav",
    "fm-six-channel-centre.wav",
}
"""Beside the malformed group: no audio in them, or outside the limits of the API (2 s, two channels)."""
MUST_BE_SILENT = {"silence_5s_16k.flac", "noise_5s_16k.flac", "ringback_6s_16k.flac", "music_8s_16k.ogg"}
MUST_NOT_BE_ENGLISH = {"memo_es_16k.ogg", "memo_de_16k.ogg"}


@dataclass
class Seen:
    """One file: what was expected, and what the callback said."""

    group: str
    name: str
    expected: str
    status: str = ""
    code: int | None = None
    words: int = 0
    duration_s: int | None = None
    channels: dict[int, list[str]] = field(default_factory=dict)

    @property
    def is_as_expected(self) -> bool:
        if self.expected == "fails":
            return self.status == "failed"
        if self.expected == "no words":
            return self.status == "completed" and self.words == 0
        if self.expected == "not claimed":
            return self.status == "failed" or self.words == 0
        return self.status == "completed" and self.words > 0


def real() -> list[tuple[Path, Seen]]:
    with (REAL / "INDEX.json").open(encoding="utf-8") as file:
        every = json.load(file)["items"]
    return [(REAL / item["file"], Seen(item["group"], Path(item["file"]).name, expected_of(item))) for item in every]


def expected_of(item: dict[str, Any]) -> str:
    if item["group"] == "malformed" or Path(item["file"]).name in MUST_FAIL:
        return "fails"
    if item["group"] == "noise":
        return "no words"
    if item["group"] == "foreign" and item["language"] != "mul":
        return "not claimed"
    return "words"


def made() -> list[tuple[Path, Seen]]:
    found = []
    for path in sorted(MADE.iterdir()):
        if path.suffix == ".json":
            continue
        expected = "words"
        if path.name in MUST_FAIL:
            expected = "fails"
        elif path.name in MUST_BE_SILENT:
            expected = "no words"
        elif path.name in MUST_NOT_BE_ENGLISH:
            expected = "not claimed"
        found.append((path, Seen("made", path.name, expected)))
    return found


def send(client: Client, host: Customer, folder: Path, files: list[tuple[Path, Seen]]) -> dict[str, Seen]:
    wanted, by_id = configuration(client, host), {}
    for number, (path, seen) in enumerate(files):
        (folder / f"{number:03}").symlink_to(path)
        body = {"transcriptionConfigurationId": wanted, "mediaUrl": f"{host.url}/{number:03}"}
        status, answer = client.call("POST", "/v3/Transcriptions", body)
        if status != 202:
            raise SystemExit(f"{seen.name}: {status} {answer!r}")
        by_id[json.loads(answer)["transcription"]["id"]] = seen
    return by_id


def collect(host: Customer, by_id: dict[str, Seen]) -> None:
    while len({json.loads(each.body)["id"] for each in host.received}) < len(by_id):
        time.sleep(0.5)
    for received in host.received:
        told = json.loads(received.body)
        seen = by_id[told["id"]]
        seen.status, seen.duration_s = told["status"], told["duration"]
        seen.code = told.get("error", {}).get("code")
        seen.channels = {}
        for sentence in told["sentences"]:
            seen.channels.setdefault(sentence["audioChannelIndex"] - 1, []).append(sentence["text"])
        seen.words = sum(len(text.split()) for texts in seen.channels.values() for text in texts)


def table(found: list[Seen]) -> str:
    lines = ["| group | files | as expected | seen |", "| --- | --- | --- | --- |"]
    for group in dict.fromkeys(each.group for each in found):
        own = [each for each in found if each.group == group]
        outcomes: dict[str, int] = {}
        for each in own:
            text = f"failed {each.code}" if each.status == "failed" else "words" if each.words else "no words"
            outcomes[text] = outcomes.get(text, 0) + 1
        seen = ", ".join(f"{number} × {text}" for text, number in sorted(outcomes.items()))
        lines.append(f"| {group} | {len(own)} | {sum(each.is_as_expected for each in own)} | {seen} |")
    lines += ["", "Not as expected:", ""]
    lines += [
        f"- {each.group}/{each.name}: expected {each.expected}, seen {each.status} {each.code or ''} {each.words} words"
        for each in found
        if not each.is_as_expected
    ]
    return "\n".join(lines)


def results(files: list[tuple[Path, Seen]]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for path, seen in files:
        texts = {str(channel): " ".join(said) for channel, said in seen.channels.items()}
        out[path.stem if path.suffix else path.name] = {"text": " ".join(texts.values()), "channels": texts}
    return out


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--out", type=Path)
    options.add_argument("--results", type=Path)
    given = options.parse_args()
    files = real() + made()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "files"
        folder.mkdir()
        with customer(folder) as host, polyscribe(Path(name) / "data") as server:
            began = time.perf_counter()
            collect(host, send(Client(server), host, folder, files))
            took = time.perf_counter() - began
    text = table([seen for _, seen in files])
    print(f"{len(files)} files in {took:.0f} s\n\n{text}")
    if given.out:
        given.out.write_text(text + "\n", encoding="utf-8")
    if given.results:
        given.results.write_text(json.dumps(results(files[: len(real())]), indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
