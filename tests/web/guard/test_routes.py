"""What is not listed does not exist: whatever is mounted, however it is spelled."""

import re

import pytest

from ragapp.web.guard.routes import ROUTES, Kind, find_route, known_query


def scope(path, method="GET", raw=None, **more):
    raw = path.encode() if raw is None else raw
    return {"method": method, "path": path, "raw_path": raw, "root_path": "", **more}


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("GET", "/", Kind.PAGE),
        ("GET", "/login", Kind.LOGIN),
        ("POST", "/login", Kind.LOGIN),
        ("POST", "/logout", Kind.LOGOUT),
        ("POST", "/upload", Kind.UPLOAD),
        ("GET", "/assets/index-DphvyggB.js", Kind.ASSET),
        ("GET", "/theme.css", Kind.ASSET),
        ("POST", "/gradio_api/queue/join", Kind.EVENT),
        ("GET", "/gradio_api/queue/data", Kind.STREAM),
        ("GET", "/gradio_api/app_id", Kind.STATUS),
    ],
)
def test_what_the_page_uses_is_found(method, path, kind):
    assert find_route(scope(path, method)).kind is kind


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=/etc/passwd",
        "/gradio_api/file=http://evil.example/x.png",
        "/gradio_api/file/etc/passwd",
        "/gradio_api/proxy=http://evil.example/",
        "/file=/etc/passwd",
        "/gradio_api/upload",
        "/gradio_api/upload_progress",
        "/gradio_api/deep_link",
        "/gradio_api/component_server",
        "/gradio_api/call/predict",
        "/gradio_api/run/predict",
        "/gradio_api/api/predict",
        "/gradio_api/info",
        "/gradio_api/runs",
        "/gradio_api/cancel",
        "/gradio_api/reset",
        "/gradio_api/vibe-code",
        "/gradio_api/process_recording",
        "/gradio_api/token",
        "/gradio_api/heartbeat/abc123",
        "/config",
        "/monitoring",
        "/docs",
        "/openapi.json",
        "/robots.txt",
        "/static/index.html",
        "/assets/.hidden.js",
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_everything_else_is_not(method, path):
    assert find_route(scope(path, method)) is None


@pytest.mark.parametrize(
    ("path", "raw"),
    [
        ("/login", b"/%6cogin"),  # an escape that decodes to a listed path
        ("/assets/a.js", b"/assets%2fa.js"),
        ("/assets//a.js", b"/assets//a.js"),
        ("//login", b"//login"),
        ("/assets/../config", b"/assets/../config"),
        ("/assets/./a.js", b"/assets/./a.js"),
        ("/assets/%2e%2e/config.js", b"/assets/%252e%252e/config.js"),
        ("/LOGIN", b"/LOGIN"),
        ("/Assets/a.js", b"/Assets/a.js"),
        ("/login/", b"/login/"),
        ("/login;x", b"/login;x"),
        ("http://evil.example/login", b"http://evil.example/login"),
        ("/login\\", b"/login\\"),
        ("/login\x00", b"/login%00"),
        ("/ａssets/a.js", "/ａssets/a.js".encode()),
        ("*", b"*"),
        ("", b""),
    ],
)
def test_no_spelling_dodges_the_list(path, raw):
    assert find_route(scope(path, raw=raw)) is None


def test_a_root_path_cannot_shift_the_list():
    assert find_route({**scope("/"), "root_path": "/gradio_api"}) is None


def test_parameters_that_the_page_does_not_use_are_dropped():
    page = find_route(scope("/"))
    assert known_query(page, b"deep_link=abc&lang=zh&view=api") == {"lang": "zh"}
    data = find_route(scope("/gradio_api/queue/data"))
    assert known_query(data, b"session_hash=abc&x=1") == {"session_hash": "abc"}


@pytest.mark.parametrize(
    "query", [b"session_hash=a&session_hash=b", b"session_hash=../a", b"session_hash="]
)
def test_a_parameter_given_twice_or_malformed_is_refused(query):
    assert known_query(find_route(scope("/gradio_api/queue/data")), query) is None


def test_no_route_of_gradios_is_open_but_those_of_the_page(served):
    """Whatever a version of Gradio mounts: of its routes a handful can be reached."""
    mounted = [
        (method, re.sub(r"\{[^}]*\}", "x", route.path))
        for route in served.mounted()
        for method in getattr(route, "methods", None) or ()
    ]
    assert len(mounted) > 60
    reached = {(m, path) for m, path in mounted if find_route(scope(path, m))}
    assert {path for _, path in reached} <= {
        "/", "/login", "/logout", "/upload", "/favicon.ico", "/manifest.json", "/theme.css",
        "/gradio_api/theme.css", "/gradio_api/queue/join", "/gradio_api/queue/data",
        "/gradio_api/app_id",
    }  # fmt: skip
    cookie = served.log_in()
    for method, path in mounted:
        if (method, path) not in reached:
            assert served.request(method, path, cookie=cookie).status == 404, (method, path)


def test_the_list_stays_short():
    assert len(ROUTES) <= 12
