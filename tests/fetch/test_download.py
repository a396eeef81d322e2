"""Pages come as files with readable names; what leads elsewhere is checked, or is not followed."""

import http.server
import socket
import threading

import pytest

from ragapp.errors import FetchFailed
from ragapp.fetch import address, download
from ragapp.fetch.download import fetch, urls_of

PAGE = "<html><body><h1>Tides</h1><p>The tide comes twice a day. 潮水一天两次。</p></body></html>"

PAGE_BYTES = PAGE.encode()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append((self.headers["Host"], self.path))
        status, headers, body = self.server.answers.get(self.path, (404, {}, b"no"))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        for piece in body if isinstance(body, list) else [body]:
            self.wfile.write(piece)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.asked, made.answers = [], {}
    made.url = f"http://127.0.0.1:{made.server_port}"
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made
    made.shutdown()


def html(status=200, body=PAGE_BYTES, kind="text/html; charset=utf-8", **headers):
    return status, {"Content-Type": kind, **headers}, body


def private(url, folder, **options):
    return fetch(url, folder, allow_private=True, **options)


def test_a_page_becomes_a_file_named_after_its_address(server, tmp_path):
    server.answers["/wiki/tides"] = html()
    file = private(server.url + "/wiki/tides", tmp_path / "pages")
    assert file.name.startswith("127-0-0-1-wiki-tides-")
    assert file.suffix == ".html"
    assert file.read_text("utf-8") == PAGE
    assert list(file.parent.iterdir()) == [file]


def test_the_same_page_again_is_the_same_file_and_keeps_its_time(server, tmp_path):
    server.answers["/p"] = html()
    first = private(server.url + "/p", tmp_path)
    before = first.stat().st_mtime_ns
    assert private(server.url + "/p", tmp_path) == first
    assert first.stat().st_mtime_ns == before
    server.answers["/p"] = html(body=b"<p>changed</p>")
    assert private(server.url + "/p", tmp_path).read_bytes() == b"<p>changed</p>"


@pytest.mark.parametrize(
    ("path", "kind", "suffix"),
    [
        ("/report.pdf", "application/pdf", ".pdf"),
        ("/report.PDF", "application/octet-stream", ".pdf"),
        ("/report", "application/pdf", ".pdf"),
        ("/page.php", "text/html", ".html"),
        ("/report.pdf", "text/html", ".html"),
        ("/", "text/html", ".html"),
        ("/notes", "text/plain; charset=utf-8", ".txt"),
        ("/%E6%BD%AE%E6%B1%90", "text/html", ".html"),
    ],
)
def test_its_kind_is_that_of_the_address_or_of_the_answer(server, tmp_path, path, kind, suffix):
    server.answers[path] = html(kind=kind)
    assert private(server.url + path, tmp_path).suffix == suffix


def test_what_no_reader_knows_is_not_fetched(server, tmp_path):
    server.answers["/film"] = html(kind="video/mp4")
    with pytest.raises(FetchFailed, match="video/mp4"):
        private(server.url + "/film", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_redirections_are_followed_to_where_they_may(server, tmp_path):
    server.answers["/old"] = html(301, b"", Location="/new")
    server.answers["/new"] = html()
    assert private(server.url + "/old", tmp_path).read_text("utf-8") == PAGE


@pytest.mark.parametrize(
    ("location", "says"),
    [
        ("http://127.0.0.2:1/secret", "private network"),
        ("http://169.254.169.254/latest", "private network"),
        ("file:///etc/passwd", "no address"),
        ("/loop", "on and on"),
    ],
)
def test_a_redirection_is_checked_like_an_address(server, tmp_path, location, says, monkeypatch):
    monkeypatch.setattr(address, "is_public", lambda of: of == "127.0.0.1")  # a public server
    server.answers["/loop"] = html(302, b"", Location=location)
    with pytest.raises(FetchFailed, match=says):
        fetch(server.url + "/loop", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_name_is_looked_up_once_and_the_checked_address_is_asked(server, tmp_path, monkeypatch):
    looked_up = []

    def getaddrinfo(host, port, *_, **__):
        looked_up.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    server.answers["/p"] = html()
    with monkeypatch.context() as patched:
        patched.setattr(address.socket, "getaddrinfo", getaddrinfo)
        target = address.resolve(f"http://tides.example:{server.server_port}/p", allow_private=True)
    assert looked_up == ["tides.example"]
    with download._answer(target) as answer:
        assert answer.read() == PAGE.encode()
    assert server.asked == [(f"tides.example:{server.server_port}", "/p")]


def test_a_page_without_end_is_given_up(server, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "LARGEST_FILE", 1 << 20)
    server.answers["/big"] = html(body=[b"x" * (1 << 16)] * 64)
    with pytest.raises(FetchFailed, match="larger than 1 MiB"):
        private(server.url + "/big", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_the_server_refuses_and_where_nobody_is(server, tmp_path):
    with pytest.raises(FetchFailed, match="404"):
        private(server.url + "/nowhere", tmp_path)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(FetchFailed, match="did not answer"):
        private(f"http://127.0.0.1:{port}/", tmp_path)


def test_stopping_leaves_nothing(server, tmp_path):
    server.answers["/p"] = html()
    with pytest.raises(FetchFailed, match="you stopped it"):
        private(server.url + "/p", tmp_path, cancel=lambda: True)
    assert list(tmp_path.iterdir()) == []


def test_a_list_of_urls():
    lines = (
        "\ufeffhttps://a.example/1\n\n# not this\n  https://b.example/2  \r\nhttps://a.example/1\n"
    )
    assert urls_of(lines) == ["https://a.example/1", "https://b.example/2"]
