"""The command line as scripts use it: real processes, exit codes, JSON on stdout."""

import http.server
import json
import os
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import pytest

from ragapp.cli.parser import build_parser

CATS = "The cat sleeps on the warm mat all day long. It eats fish in the evening."


class Ragapp:
    """Runs ``ragapp`` with its own home, and nothing of ours in the environment."""

    def __init__(self, home, models):
        kept = {k: v for k, v in os.environ.items() if not k.startswith("RAGAPP_")}
        self.environment = kept | {"RAGAPP_HOME": str(home), "RAGAPP_MODELS": str(models)}
        self.home = home

    def __call__(self, *arguments, **environment):
        return subprocess.run(
            [sys.executable, "-m", "ragapp.cli", *map(str, arguments)],
            env=self.environment | environment, capture_output=True, text=True,
            encoding=environment.get("PYTHONIOENCODING"), timeout=300,
        )  # fmt: skip


@pytest.fixture(scope="module")
def ragapp(tmp_path_factory, models_dir):
    return Ragapp(tmp_path_factory.mktemp("cli-home"), models_dir)


@pytest.fixture(scope="module")
def ingested(ragapp, tmp_path_factory):
    """What ``ingest --json`` of a good and a bad file said."""
    folder = tmp_path_factory.mktemp("cli-documents")
    (folder / "cats.txt").write_text(CATS)
    (folder / "猫.md").write_text("# 猫\n\n猫整天在垫子上睡觉。\n", encoding="utf-8")
    (folder / "bad.pdf").write_bytes(b"%PDF-1.4 broken")
    return ragapp("ingest", folder, "--json")


def said_in_one_line(result):
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    [line] = result.stderr.splitlines()
    assert line.startswith("ragapp: ")
    return line


# --- help and wrong use ---


def test_help_lists_every_command(ragapp):
    result = ragapp("--help")
    assert result.returncode == 0
    for command in ("serve", "ingest", "ask", "search", "kb", "models", "eval"):
        assert f"\n    {command} " in result.stdout


def test_the_installed_command_is_the_module(ragapp):
    script = Path(sys.executable).with_name("ragapp")
    result = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)
    assert result.stdout == ragapp("--version").stdout


@pytest.mark.parametrize(
    "arguments", [[], ["guess"], ["ask"], ["kb"], ["search", "x", "-k", "many"], ["ingest"]]
)
def test_wrong_use_is_two(ragapp, arguments):
    result = ragapp(*arguments)
    assert result.returncode == 2
    assert "usage: ragapp" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["search", "x", "-k", "0"], "positive"),
        (["kb", "create", "../x"], "Choose another name"),
        (["eval", "retrieval", "missing.json"], "SQuAD"),
    ],
)
def test_what_cannot_be_done_as_asked_is_two_and_one_line(ragapp, arguments, says):
    result = ragapp(*arguments)
    assert result.returncode == 2
    assert says in said_in_one_line(result)


def test_an_unknown_setting_is_two_and_names_the_known(ragapp):
    result = ragapp("kb", "list", RAGAPP_TOPK="3")
    assert result.returncode == 2
    assert "unknown setting 'topk' in the environment" in said_in_one_line(result)
    assert "hits" in result.stderr


def test_what_fails_is_one_and_one_line(ragapp, tmp_path):
    missing = ragapp("search", "x", "--kb", "nothing")
    assert missing.returncode == 1
    assert "ragapp kb create nothing" in said_in_one_line(missing)
    no_model = ragapp("kb", "create", "x", RAGAPP_MODELS=str(tmp_path))
    assert no_model.returncode == 1
    assert "ragapp models pull" in said_in_one_line(no_model)


# --- the way of a document ---


def test_ingest_done_in_part_is_three_and_names_the_bad_file(ingested):
    assert ingested.returncode == 3
    documents = {Path(d["path"]).name: d for d in json.loads(ingested.stdout)["documents"]}
    assert set(documents) == {"cats.txt", "猫.md", "bad.pdf"}
    for each in documents.values():
        assert {"path", "status", "chunks", "pages", "error"} <= set(each)
    assert documents["cats.txt"]["status"] == "added"
    assert documents["cats.txt"]["error"] is None
    assert documents["bad.pdf"]["status"] == "failed"
    assert "bad.pdf" in documents["bad.pdf"]["error"]
    assert "Traceback" not in ingested.stderr


def test_search_gives_hits_as_json(ragapp, ingested):
    result = ragapp("search", "where does the cat sleep?", "-k", "1", "--json")
    assert result.returncode == 0
    [hit] = json.loads(result.stdout)["hits"]
    assert {"document", "page", "heading", "start", "end", "score", "text", "sentences"} <= set(hit)
    assert hit["document"] == "cats.txt"
    assert CATS[hit["start"] : hit["end"]] == hit["text"]
    assert hit["sentences"][0]["text"] in CATS


def test_ask_quotes_gives_an_answer_as_json(ragapp, ingested):
    result = ragapp("ask", "猫在哪里睡觉？", "--quotes", "--json")
    assert result.returncode == 0
    answer = json.loads(result.stdout)
    assert answer["refused"] is False
    assert "垫子" in answer["answer"]
    assert {"number", "document", "page", "sentence"} <= set(answer["citations"][0])
    assert answer["citations"][0]["document"] == "猫.md"
    assert answer["evidence"]
    assert {"prompt_tokens", "first_token_s", "tokens_per_s"} <= set(answer["stats"])


def test_ask_generates_and_prints_for_people(ragapp, ingested):
    result = ragapp(
        "ask", "Where does the cat sleep?", "--generate", "--max-new-tokens", "12",
        "--model", "SmolLM2-135M-Instruct", "--stats",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip()
    assert json.loads(result.stderr.splitlines()[-1])["completion_tokens"] > 0
    assert "Traceback" not in result.stderr


def test_knowledge_bases_and_documents_are_listed_and_deleted(ragapp, ingested):
    [row] = json.loads(ragapp("kb", "list", "--json").stdout)["knowledge_bases"]
    assert (row["name"], row["documents"]) == ("default", 2)
    listed = json.loads(ragapp("kb", "list", "default", "--json").stdout)["documents"]
    assert {d["name"] for d in listed} == {"cats.txt", "猫.md"}
    wrong = ragapp("kb", "delete", "nothing")
    assert wrong.returncode == 1
    assert "nothing" in said_in_one_line(wrong)


def test_models_are_listed(ragapp):
    rows = json.loads(ragapp("models", "list", "--json").stdout)["models"]
    installed = {row["name"] for row in rows if row["installed"]}
    assert {"multilingual-e5-small", "SmolLM2-135M-Instruct"} <= installed


def test_a_reader_that_has_gone_is_no_error(ragapp):
    """As in ``ragapp models list | head -1``."""
    read, write = os.pipe()
    os.close(read)
    result = subprocess.run(
        [sys.executable, "-m", "ragapp.cli", "models", "list"],
        env=ragapp.environment, stdout=write, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    os.close(write)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "gb18030"])
def test_names_that_the_terminal_cannot_show_are_printed_as_escapes(ragapp, tmp_path, encoding):
    names = ["caf\udce9.txt", "名字 café \U0001f600.txt"]  # the first is no UTF-8
    for name in names:
        (tmp_path / name).write_text("")
    spoken = {"PYTHONIOENCODING": encoding}
    plain = ragapp("ingest", tmp_path, "--kb", "escapes", **spoken)
    assert plain.returncode == 3
    assert "Traceback" not in plain.stderr
    listed = ragapp("ingest", tmp_path, "--kb", "escapes", "--json", **spoken)
    paths = {document["path"] for document in json.loads(listed.stdout)["documents"]}
    assert paths == {str(tmp_path / name) for name in names}


def test_bytes_of_a_question_that_are_no_text_are_left_out():
    asked = build_parser().parse_args(["search", os.fsdecode(b"cat \xff\xfe")])
    assert asked.query == "cat ??"


def test_the_entrance_is_a_function_of_the_package(capsys):
    """The installed script and programs call ``ragapp.cli.main``."""
    from ragapp.cli import main

    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("ragapp ")


# --- pages of the web ---


@pytest.fixture
def site(tmp_path):
    """The address of a server on this machine with one page."""
    (tmp_path / "light.html").write_text("<p>The lighthouse was built in 1858.</p>")
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_pages_of_a_list_are_fetched_and_found(ragapp, site, tmp_path):
    pages = tmp_path / "urls.txt"
    pages.write_text(f"# ours\n{site}/light.html\n{site}/nothing\n")
    said = ragapp("fetch", pages, "--allow-private", "--kb", "web", "--json")
    assert said.returncode == 3
    assert "404" in said.stderr
    [document] = json.loads(said.stdout)["documents"]
    assert document["status"] == "added"
    found = json.loads(ragapp("search", "lighthouse", "--kb", "web", "--json").stdout)
    assert "1858" in json.dumps(found)


def test_a_page_of_this_machine_is_not_fetched_unasked(ragapp, site):
    refused = ragapp("fetch", f"{site}/light.html", "--kb", "web")
    assert refused.returncode == 1
    assert "--allow-private" in said_in_one_line(refused)


@pytest.mark.parametrize(("argument", "says"), [("no-such-file", "URL"), ("empty.txt", "no URLs")])
def test_what_holds_no_urls(ragapp, tmp_path, argument, says):
    (tmp_path / "empty.txt").write_text("# nothing\n")
    refused = ragapp("fetch", tmp_path / argument)
    assert refused.returncode == 2
    assert says in said_in_one_line(refused)
