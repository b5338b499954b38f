"""`main.py serve`: who can reach it, what it gives away, and how it ends. The page is tested in tests/inference/web."""

import json
import os
import re
import signal
import socket
import stat
from pathlib import Path

import httpx
import pytest

from commands import serve_page as command
from main import main
from tests.inference.runs import footage, save_run, write_video
from tests.inference.web.serving import MAIN, Served, serving

SECRET = "a-word-that-nobody-may-read"


@pytest.fixture(scope="module")
def clips(configure, tmp_path_factory) -> Path:
    folder = save_run(configure("--clip-model tiny --image-size 48"), tmp_path_factory.mktemp("runs") / "clips")
    (folder / "secret.txt").write_text(SECRET)
    return folder


@pytest.fixture(scope="module")
def served(clips, tmp_path_factory):
    place = tmp_path_factory.mktemp("served")
    (place / "secret.txt").write_text(SECRET)  # in the folder that it works in
    write_video(place / "film.mp4", footage(10))
    flags = ["--faces", "none", "--max-megabytes", "0.5", "--max-minutes", "0.1", "--window", "1"]
    with serving([clips], place, *flags) as served:
        yield served


def request(served: Served, path: str) -> bytes:
    """The whole answer; httpx would tidy the path."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=60) as connection:
        head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\nConnection: close\r\n\r\n"
        connection.sendall(head.encode())
        return b"".join(iter(lambda: connection.recv(65536), b""))


def listening(port: int) -> set[str]:
    """The addresses, as Linux's tables have them."""
    rows = [row.split() for name in ("tcp", "tcp6") if (table := Path("/proc/net", name)).exists()
            for row in table.read_text().splitlines()[1:]]
    return {row[1].split(":")[0] for row in rows if row[3] == "0A" and int(row[1].split(":")[1], 16) == port}


def files_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


# Who can reach it


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="needs Linux's /proc")
def test_it_listens_on_this_machine_alone_and_says_so(served):
    assert served.url == f"http://127.0.0.1:{served.port}/" and "this machine only; not shared" in served.said
    assert listening(served.port) == {"0100007F"}  # 127.0.0.1
    assert httpx.get(served.url, timeout=60).status_code == 200


def test_another_site_s_script_may_not_read_what_it_answers(served):
    headers = httpx.get(f"{served.url}config", headers={"Origin": "http://evil.example"}, timeout=60).headers
    assert "access-control-allow-origin" not in headers


def test_no_other_host_is_named_to_be_fetched_from(served):
    page = httpx.get(served.url, timeout=60).text
    parts = re.findall(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=\"(https?:)?//([^/\"]+)", page)
    assert {host for _, host in parts} <= {f"127.0.0.1:{served.port}"}
    config = httpx.get(f"{served.url}config", timeout=60).json()
    assert not config["analytics_enabled"] and not config["pwa"] and config["stylesheets"] == []
    named = httpx.get(f"{served.url}gradio_api/info", timeout=60).json()
    assert named == {"named_endpoints": {}, "unnamed_endpoints": {}}  # no programming interface is offered


# What it gives away


@pytest.mark.parametrize("path", [
    "file=/etc/passwd", "file=%2Fetc%2Fpasswd", "file//etc/passwd", "file=file:///etc/passwd",
    "file=../../../../../../etc/passwd", "file=%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "file=..%2f..%2f..%2f..%2f..%2fetc%2fpasswd", "file={private}/../../../../../../etc/passwd",
    "file=secret.txt", "file=./secret.txt", "file={place}/secret.txt", "file={place}/film.mp4",
    "file={private}/../secret.txt", "file={private}/%2e%2e/secret.txt",
    "file={clips}/config.yaml", "file={clips}/secret.txt", "file={clips}/model.safetensors", "file={root}/main.py",
    "file={private}", "proxy=http://127.0.0.1:{port}/config", "../../../../etc/passwd"])
def test_no_file_can_be_had_that_was_not_uploaded_to_it(served, clips, path):
    (private,) = served.private()
    path = path.format(private=private, place=served.place, clips=clips, root=MAIN.parent, port=served.port)
    for start in ("/gradio_api/", "/", "/static/", "/assets/"):
        answer = request(served, start + path)
        status, body = answer.split(b" ")[1], answer.partition(b"\r\n\r\n")[2]
        assert status in (b"400", b"403", b"404", b"405"), (start + path, status)
        assert b"root:" not in body and SECRET.encode() not in body and b"ftyp" not in body and len(body) < 2000


@pytest.mark.parametrize("named", ["/etc/passwd", "{place}/film.mp4", "secret.txt", "{clips}/config.yaml",
                                   "{private}/../film.mp4", "http://127.0.0.1:{port}/config"])
@pytest.mark.parametrize("of_gradio", [True, False])
def test_a_forged_upload_is_not_read(served, clips, named, of_gradio):
    """A path on this machine, sent to the page as if it had been uploaded."""
    (private,) = served.private()
    named = named.format(private=private, place=served.place, clips=clips, port=served.port)
    file = {"path": named, "url": named, "orig_name": "film.mp4"}
    file |= {"meta": {"_type": "gradio.FileData"}} if of_gradio else {}
    before, asked = files_in(private), {"data": [file, None], "fn_index": 0, "session_hash": named, "trigger_id": 9}
    with httpx.Client(base_url=f"{served.url}gradio_api/", timeout=60) as client:
        assert client.post("queue/join", json=asked).status_code == 200
        with client.stream("GET", "queue/data", params={"session_hash": named}) as stream:
            said = [json.loads(line.removeprefix("data:")) for line in stream.iter_lines() if line]
    ended = [message for message in said if message["msg"] == "process_completed"]
    assert [message["success"] for message in ended] == [False] and ended[0]["output"] == {"error": None}
    assert files_in(private) == before


# Uploads


def test_an_upload_lies_in_the_private_folder_and_can_be_had_again(served):
    (private,) = served.private()
    assert stat.S_IMODE(private.stat().st_mode) == 0o700
    content = os.urandom(1000)
    sent = httpx.post(f"{served.url}gradio_api/upload", files={"files": ("../../x.mp4", content)}, timeout=60)
    (path,) = map(Path, sent.json())
    assert private in path.parents and path.name == "x.mp4" and ".." not in path.parts and path.read_bytes() == content
    assert request(served, f"/gradio_api/file={path}").partition(b"\r\n\r\n")[2] == content


@pytest.mark.parametrize("size, status", [(500_000, 200), (500_001, 413), (3_000_000, 413)])
def test_too_large_a_file_is_refused(served, size, status):
    (private,) = served.private()
    sent = httpx.post(f"{served.url}gradio_api/upload", files={"files": (f"{size}.mp4", b"0" * size)}, timeout=60)
    assert sent.status_code == status
    assert status == 200 or sent.text == "File size exceeded maximum allowed size of 500000 bytes."
    assert bool(list(private.rglob(f"{size}.mp4"))) == (status == 200)


# What it refuses to begin with


@pytest.mark.parametrize("flags, said", [
    (["--port", "65536"], "--port 65536: must be from 0 to 65535"), (["--port", "-1"], "--port -1"),
    (["--max-megabytes", "0"], "--max-megabytes 0.0: must be positive"),
    (["--max-minutes", "-2"], "--max-minutes -2.0: must be positive"), (["--window", "0"], "--window 0.0"),
    (["--colour", "red"], "--colour"), (["--device", "abacus"], "--device abacus"),
    (["nowhere"], "nowhere: no run"), (["--faces", "find", "--detector-model", "gone.onnx"], "gone.onnx: no such file"),
])
def test_a_mistake_is_one_line_before_any_page(clips, monkeypatch, capsys, flags, said):
    monkeypatch.setattr(command, "private_folder", lambda: pytest.fail("begun"))
    assert main(["serve", str(clips), *flags]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ") and said in error


def test_a_run_without_classes_is_refused(simclr_run, tmp_path, capsys):
    assert main(["serve", str(simclr_run)]) == 2
    assert "was pretrained without labels and knows no classes" in capsys.readouterr().err


def test_a_port_that_is_taken_is_said(served, clips, monkeypatch, tmp_path, capsys):
    """By then SIGTERM ends it in good order."""
    former, handlers = signal.getsignal(signal.SIGTERM), []

    def private_folder():
        handlers.append(signal.getsignal(signal.SIGTERM))
        monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))

    monkeypatch.setattr(command, "private_folder", private_folder)
    try:
        assert main(["serve", str(clips), "--port", str(served.port), "--faces", "none"]) == 2
    finally:
        signal.signal(signal.SIGTERM, former)
    with pytest.raises(SystemExit) as ended:
        handlers[0](signal.SIGTERM, None)
    assert ended.value.code == 143
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"error: --port {served.port}: ")


def test_a_free_port_is_one_that_nobody_listens_on():
    port = command.free_port()
    with socket.socket() as probe:
        assert port and probe.connect_ex(("127.0.0.1", port)) != 0
        probe.bind(("127.0.0.1", port))


def test_help_lists_the_flags(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["serve", str(tmp_path), "--help"])
    said = capsys.readouterr().out
    assert ended.value.code == 0 and "RUN" in said and set(re.findall(r"--[a-z-]+", said)) >= {
        "--port", "--share", "--max-megabytes", "--max-minutes", "--device", "--window", "--faces", "--detector-model"}
    assert main(["serve", "--help"]) == 0 and "main.py serve RUN... [flags]" in capsys.readouterr().out


def test_other_names_of_this_machine_are_refused(served):
    """A page of another site could have its name resolved to 127.0.0.1, and read what stands here."""
    for host, status in (("127.0.0.1", 200), ("localhost", 200), ("evil.example", 400)):
        assert httpx.get(served.url, headers={"Host": f"{host}:{served.port}"}, timeout=60).status_code == status


# The end; it stands last


def test_ctrl_c_ends_it_and_takes_the_private_folder_along(served):
    (folder,) = served.private()
    httpx.post(f"{served.url}gradio_api/upload", files={"files": ("last.mp4", b"film")}, timeout=60)
    assert list(folder.rglob("last.mp4"))
    assert served.end(signal.SIGINT) == 0
    assert served.private() == [] and "KeyboardInterrupt" not in served.errors
