"""Uploads in pieces: what was acknowledged survives, what was not is not believed."""

import base64
import hashlib
import json
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from harness_core.bootstrap import Core
from tests.api.conftest import client_of
from tests.conftest import OpenCore

TUS = {"Tus-Resumable": "1.0.0"}
PIECE = {**TUS, "Content-Type": "application/offset+octet-stream"}
NAME = {"Upload-Metadata": "filename " + base64.b64encode("tabelle ü.csv".encode()).decode()}
DATA = bytes(range(256)) * 40


def begin(client: TestClient, length: int = len(DATA)) -> str:
    answer = client.post("/api/v1/tus", headers={**TUS, **NAME, "Upload-Length": str(length)})
    assert answer.status_code == 201, answer.text
    return str(answer.headers["location"])


def send(client: TestClient, place: str, offset: int, data: bytes, checksum: bytes | None = None) -> int:
    digest = {} if checksum is None else {"Upload-Checksum": "sha256 " + base64.b64encode(checksum).decode()}
    return client.patch(place, content=data, headers={**PIECE, **digest, "Upload-Offset": str(offset)}).status_code


def offset(client: TestClient, place: str) -> int:
    return int(client.head(place, headers=TUS).headers["upload-offset"])


def test_it_says_what_it_speaks(client: TestClient) -> None:
    """A client learns version, extensions and limit before it sends anything."""
    headers = client.options("/api/v1/tus").headers
    assert (headers["tus-version"], headers["tus-checksum-algorithm"]) == ("1.0.0", "sha256")
    assert {"creation", "checksum", "termination"} <= set(headers["tus-extension"].split(","))


def test_pieces_make_the_file(client: TestClient, core: Core) -> None:
    """The pieces in order are an upload like any other, by the hash of the whole and the name in any language."""
    place = begin(client)
    assert send(client, place, 0, DATA[:5000], hashlib.sha256(DATA[:5000]).digest()) == 204
    assert offset(client, place) == 5000
    assert send(client, place, 5000, DATA[5000:]) == 204
    state = client.get(place).json()
    upload = core.library.upload(state["upload_id"])
    assert (upload.filename, upload.sha256) == ("tabelle ü.csv", hashlib.sha256(DATA).hexdigest())
    assert core.blobs.path(upload.sha256).read_bytes() == DATA
    assert client.head(place, headers=TUS).headers["upload-id"] == upload.upload_id


def test_a_piece_at_the_wrong_place_is_refused(client: TestClient) -> None:
    """409, and the upload stands where it stood."""
    place = begin(client)
    send(client, place, 0, DATA[:100])
    assert send(client, place, 50, DATA[50:]) == 409
    assert offset(client, place) == 100


def test_a_piece_with_another_checksum_is_dropped(client: TestClient) -> None:
    """460, and not one byte of it counts."""
    place = begin(client)
    assert send(client, place, 0, DATA[:100], hashlib.sha256(b"other").digest()) == 460
    assert offset(client, place) == 0
    assert send(client, place, 0, DATA, hashlib.sha256(DATA).digest()) == 204


def test_it_goes_on_after_the_server_was_killed(open_home: OpenCore) -> None:
    """A new process on the same home knows the acknowledged offset, drops bytes beyond it, and ends with the right hash."""
    first = client_of(open_home(queue_url="memory://"))
    place = begin(first)
    send(first, place, 0, DATA[:4000])
    core = open_home(queue_url="memory://")
    with (core.settings.home / "quarantine" / "tus" / Path(place).name / "data").open("ab") as file:
        file.write(b"a piece that was never acknowledged")
    second = client_of(core)
    assert offset(second, place) == 4000
    assert send(second, place, 4000, DATA[4000:]) == 204
    assert second.get(place).json()["sha256"] == hashlib.sha256(DATA).hexdigest()


def test_dying_between_the_move_and_the_record_is_mended(client: TestClient, core: Core) -> None:
    """The bytes were moved, the record is missing: an empty piece at the end finishes the upload."""
    place = begin(client)
    send(client, place, 0, DATA)
    info = core.settings.home / "quarantine" / "tus" / Path(place).name / "info.json"
    info.write_text(json.dumps({**json.loads(info.read_text()), "upload_id": None}))
    assert send(client, place, len(DATA), b"") == 204
    assert core.library.upload(client.get(place).json()["upload_id"]).size_bytes == len(DATA)


def test_more_than_promised_is_refused(client: TestClient) -> None:
    """413 for a piece that goes beyond the promised length."""
    place = begin(client, 100)
    assert send(client, place, 0, DATA) == 413


def test_an_empty_file_is_whole_at_once(client: TestClient) -> None:
    """A length of 0 needs no piece."""
    assert client.get(begin(client, 0)).json()["upload_id"]


def test_dropping_it_deletes_its_bytes(client: TestClient, core: Core) -> None:
    """DELETE leaves no folder and no memory of it."""
    place = begin(client)
    send(client, place, 0, DATA[:100])
    assert client.delete(place, headers=TUS).status_code == 204
    assert client.head(place, headers=TUS).status_code == 404
    assert list((core.settings.home / "quarantine" / "tus").iterdir()) == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({**NAME, "Upload-Length": "5"}, 412),
        ({**TUS, **NAME, "Upload-Length": "-1"}, 422),
        ({**TUS, **NAME, "Upload-Length": "x"}, 422),
        ({**TUS, "Upload-Length": "5"}, 422),
        ({**TUS, "Upload-Length": "5", "Upload-Metadata": "filename ???"}, 422),
        ({**TUS, **NAME, "Upload-Length": str(10**17)}, 413),
    ],
)
def test_what_cannot_begin(client: TestClient, headers: dict[str, str], status: int) -> None:
    """Each kind of bad beginning has its status, before a byte is taken."""
    answer = client.post("/api/v1/tus", headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_piece_of_another_type_is_refused(client: TestClient) -> None:
    """415, as tus has it."""
    assert client.patch(begin(client), content=DATA, headers={**TUS, "Upload-Offset": "0"}).status_code == 415


def test_an_id_cannot_lead_elsewhere(client: TestClient) -> None:
    """Ids are looked up, never joined to a path unread."""
    for name in ("..", "%2e%2e", "tus_..%2f..", "tus_" + "a" * 300):
        assert client.head(f"/api/v1/tus/{name}", headers=TUS).status_code == 404
