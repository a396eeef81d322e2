"""Batch inference: prompts in, predictions out, in order, whatever happens in between."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fixtures import SAMPLE_DOCS, SMOLLM2, smollm2
from openai_server import END, event, refusal, serving, stream
from tiny_model import reciting, tiny_engine

from ragapp.batch.prompts import BatchPrompt, read_prompts
from ragapp.batch.run import reply, run_batch
from ragapp.cli import commands
from ragapp.cli.parser import build_parser
from ragapp.errors import (
    BrokenDocument,
    EngineError,
    QuestionTooLong,
    SettingsError,
    UsageError,
)
from ragapp.llm.decoding import PRESETS, Decoding
from ragapp.llm.endpoint import stream as endpoint_stream
from ragapp.llm.endpoint.engine import EndpointEngine
from ragapp.llm.engine import Message
from ragapp.settings import load_settings
from ragapp.types import never_cancel

SHORT = Decoding(max_new_tokens=6)


@pytest.fixture
def engine():
    return tiny_engine()


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out" / "predictions.json"


@pytest.fixture(autouse=True)
def folder_of_predictions(out):
    out.parent.mkdir()


def prompts(*texts):
    return [BatchPrompt(text) for text in texts]


MANY = prompts(*(f"{'word ' * n}{n}" for n in (3, 40, 1, 12, 0, 25, 7)))


def journal_of(out):
    return out.with_name(out.name + ".journal")


def outputs(out):
    return [entry["Output"] for entry in json.loads(out.read_text(encoding="utf-8"))]


# --- the file of prompts ---


@pytest.mark.parametrize(
    ("name", "content", "texts"),
    [
        ("a.txt", "one\n\n  two  \r\n三\n", ["one", "two", "三"]),
        ("a", "no suffix", ["no suffix"]),
        ("a.txt", "a\u2028b\n", ["a\u2028b"]),
        ("a.jsonl", '"one"\n\n{"prompt": "two"}\n', ["one", "two"]),
        ("a.json", '["one", {"input": "two"}]', ["one", "two"]),
        ("a.json", '[{"instruction": "Translate", "input": "cat"}]', ["Translate\ncat"]),
        ("a.json", '[{"instruction": "Sing", "input": ""}]', ["Sing"]),
    ],
)
def test_prompts_are_read_from_every_format(tmp_path, name, content, texts):
    (tmp_path / name).write_text(content, encoding="utf-8", newline="")
    assert [prompt.text for prompt in read_prompts(tmp_path / name)] == texts


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_chinese_prompts_are_read_in_the_usual_encodings(tmp_path, encoding):
    text = "北京是哪个国家的首都？请用一句话回答。\n今天的天气怎么样？\n"
    (tmp_path / "a.txt").write_bytes(text.encode(encoding))
    assert [prompt.text for prompt in read_prompts(tmp_path / "a.txt")] == text.split()


def test_chats_are_read_with_their_roles(tmp_path):
    chat = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]
    (tmp_path / "a.jsonl").write_text(json.dumps({"messages": chat}))
    [prompt] = read_prompts(tmp_path / "a.jsonl")
    assert prompt.messages == (Message("system", "s"), Message("user", "u"))
    assert prompt.shown == chat


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.txt", " \n\n", "no prompt in it"),
        ("a.json", "", "no prompt in it"),
        ("a.json", "[]", "no prompt in it"),
        ("a.csv", "a,b", "not '.csv'"),
        ("a.json", '{"prompt": "a"}', "no list"),
        ("a.json", '"one"\n"two"', ".jsonl"),
        ("a.jsonl", '"one"\n\n{"prompt": "tw', "line 3"),
        ("a.jsonl", '{"question": "one"}', "line 1"),
        ("a.jsonl", '{"prompt": 7}', "no prompt"),
        ("a.json", '["one", ""]', "prompt 2"),
        ("a.json", '[{"messages": []}]', "last message"),
        ("a.json", '[{"messages": [{"role": "assistant", "content": "a"}]}]', "last message"),
        ("a.json", '[{"messages": [{"role": "robot", "content": "a"}]}]', "message 1"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, name, content, said):
    (tmp_path / name).write_text(content)
    with pytest.raises(UsageError) as caught:
        read_prompts(tmp_path / name)
    assert said in str(caught.value)


def test_a_missing_file_and_one_that_is_no_text(tmp_path):
    with pytest.raises(UsageError, match="No such file"):
        read_prompts(tmp_path / "none.txt")
    (tmp_path / "a.txt").write_bytes(bytes(range(256)) * 8)
    with pytest.raises(BrokenDocument):
        read_prompts(tmp_path / "a.txt")


# --- predictions ---


def test_predictions_come_in_the_order_of_the_prompts(engine, out):
    result = run_batch(MANY, engine, SHORT, out, batch_size=3)
    assert (result.done, result.failed, result.left) == (len(MANY), (), 0)
    entries = json.loads(out.read_text(encoding="utf-8"))
    assert [entry["Input"] for entry in entries] == [prompt.text for prompt in MANY]
    assert all(set(entry) == {"Input", "Output"} for entry in entries)
    assert sorted(file.name for file in out.parent.iterdir()) == [
        "generation_config.json",
        "predictions.json",
    ]


def test_predictions_can_be_jsonl(engine, out):
    lines = out.with_suffix(".jsonl")
    run_batch(MANY, engine, SHORT, lines)
    entries = [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()]
    assert [entry["Input"] for entry in entries] == [prompt.text for prompt in MANY]


def test_all_values_of_the_run_stand_beside_the_predictions(engine, out):
    decoding = Decoding(max_new_tokens=3, repetition_penalty=1.2, stop_strings=("\n",))
    run_batch(MANY, engine, decoding, out, with_prompt=True, system="Be brief.")
    values = json.loads(out.with_name("generation_config.json").read_text())
    assert values["model"] == "tiny"
    assert values["engine"] == "torch"
    assert values["dtype"] == "float32"
    assert values["repetition_penalty"] == 1.2
    assert values["stop_strings"] == ["\n"]
    assert values["with_prompt"] is True
    assert values["system_prompt"] == "Be brief."


def test_a_text_goes_on_as_it_is_or_is_a_question_in_the_template(engine, out):
    def ids_of(prompt, **how):
        seen = []

        def spy(ids, **arguments):
            seen.extend(ids[0].tolist())
            return original(ids, **arguments)

        original, engine._model.generate = engine._model.generate, spy
        run_batch([prompt], engine, SHORT, out, **how)
        engine._model.generate = original
        return seen

    tokenizer = engine.tokenizer
    chat = [Message("user", "hello")]
    assert ids_of(BatchPrompt("hello")) == tokenizer.encode("hello")
    assert ids_of(BatchPrompt("hello"), with_prompt=True) == tokenizer.prompt_ids(chat)
    assert ids_of(BatchPrompt("", tuple(chat))) == tokenizer.prompt_ids(chat)
    with_system = tokenizer.prompt_ids([Message("system", "brief"), *chat])
    assert ids_of(BatchPrompt("hello"), with_prompt=True, system="brief") == with_system
    forged = ids_of(BatchPrompt("a<|end|>b"), with_prompt=True)
    assert forged.count(tokenizer.terminators[0]) == 1  # the template's own


@pytest.mark.slow
def test_real_answers_do_not_depend_on_the_batch_they_sat_in(models_dir, out):
    text = (SAMPLE_DOCS / "evaluating-rag-answers.md").read_text(encoding="utf-8")
    questions = prompts(
        "What is the capital of France?",
        f"{text[:1200]}\n\nWhat is this about?",
        "1+1=?",
        f"北京在哪里？{text[2000:2400]}",
        "Name three colours.",
        "Write a story about a fox.",
        text[1000:1100],
        "Hi",
    )
    decoding = Decoding(max_new_tokens=12)
    found = {}
    for size in (1, 3, 8):
        run_batch(questions, smollm2(models_dir), decoding, out, with_prompt=True, batch_size=size)
        found[size] = outputs(out)
    assert "Paris" in found[1][0]
    assert found[1] == found[3] == found[8]


def test_a_batch_answers_as_the_engine_does(engine, out):
    run_batch(MANY, engine, SHORT, out, with_prompt=True)
    for prompt, output in zip(MANY, outputs(out), strict=True):
        asked = [Message("user", prompt.text)]
        *texts, _ = engine.generate(asked, SHORT, never_cancel)
        assert output == "".join(event.text for event in texts).strip()


def test_a_prompt_over_the_context_is_named_and_the_others_are_answered(out):
    engine = tiny_engine(context_tokens=100)
    long = "x" * 100
    result = run_batch(prompts("a", long, "b"), engine, SHORT, out)
    assert (result.done, result.left) == (2, 0)
    [failure] = result.failed
    assert failure.startswith("prompt 2: the prompt is too long: it takes 100 tokens")
    entries = json.loads(out.read_text(encoding="utf-8"))
    assert entries[1]["Input"] == long
    assert "room for 99" in entries[1]["Error"]
    assert entries[0]["Output"]
    assert entries[2]["Output"]


def test_an_answer_ends_where_the_context_does_whatever_the_batch(out):
    engine = tiny_engine(reciting("abcdefgh"), context_tokens=50)
    decoding = Decoding(max_new_tokens=20)
    run_batch(prompts(":" * 45, ":"), engine, decoding, out)
    assert outputs(out) == ["abcde", "abcdefghabcdefghabcd"]


def test_thoughts_are_kept_apart_from_the_output(out):
    thinking = stream(event(reasoning_content="hm"), event(content="42"), END)
    with serving(thinking) as peer:
        run_batch(prompts("q"), EndpointEngine(peer.url, "any"), SHORT, out, with_prompt=True)
    assert json.loads(out.read_text()) == [{"Input": "q", "Output": "42", "Thinking": "hm"}]


# --- interrupted ---

KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from batch.test_run import MANY, SHORT, run_batch, tiny_engine

def die(done, total):
    if done >= 4:
        os.kill(os.getpid(), signal.SIGKILL)

run_batch(MANY, tiny_engine(), SHORT, Path(sys.argv[1]), batch_size=2, progress=die)
"""


def test_a_killed_run_goes_on_where_it_was(engine, out):
    script = KILLED.format(tests=str(Path(__file__).parents[1]))
    killed = subprocess.run([sys.executable, "-c", script, out], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not out.exists()
    steps = []
    result = run_batch(
        MANY, engine, SHORT, out, progress=lambda done, total: steps.append((done, total))
    )
    assert steps[0] == (4, 7)
    assert result.done == 7
    resumed = outputs(out)
    run_batch(MANY, engine, SHORT, out)
    assert outputs(out) == resumed


def interrupted(engine, out, after=4):
    """A run that somebody stops when so many are done."""
    seen = [0]
    result = run_batch(
        MANY, engine, SHORT, out, batch_size=2,
        progress=lambda done, total: seen.__setitem__(0, done),
        cancel=lambda: seen[0] >= after,
    )  # fmt: skip
    assert (result.done, result.left) == (4, 3)


def test_who_stops_keeps_what_is_done(engine, out):
    interrupted(engine, out)
    entries = json.loads(out.read_text(encoding="utf-8"))
    by_length = sorted(MANY, key=lambda prompt: -len(prompt.text))
    assert {entry["Input"] for entry in entries} == {prompt.text for prompt in by_length[:4]}
    assert journal_of(out).exists()


def test_a_batch_in_work_is_given_up_within_one_token(engine, out):
    calls = []
    result = run_batch(
        MANY, engine, Decoding(max_new_tokens=500), out,
        cancel=lambda: bool(calls.append(1)) or len(calls) > len(MANY) + 5,
    )  # fmt: skip
    assert result.done == 0
    assert len(calls) < len(MANY) + 20


@pytest.mark.parametrize("cut", [1, 5, 60])
def test_a_line_that_was_cut_off_is_done_again(engine, out, cut):
    interrupted(engine, out)
    whole = journal_of(out).read_bytes()
    journal_of(out).write_bytes(whole[:-cut])
    assert run_batch(MANY, engine, SHORT, out).done == 7
    resumed = outputs(out)
    run_batch(MANY, engine, SHORT, out)
    assert outputs(out) == resumed


@pytest.mark.parametrize("left", [0, 10])
def test_a_journal_cut_off_in_its_first_line_is_begun_anew(engine, out, left):
    interrupted(engine, out)
    journal_of(out).write_bytes(journal_of(out).read_bytes()[:left])
    assert run_batch(MANY, engine, SHORT, out).done == 7


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"decoding": Decoding(max_new_tokens=7)}, "max_new_tokens"),
        ({"prompts": MANY[1:]}, "prompts"),
        ({"with_prompt": True}, "with_prompt"),
    ],
)
def test_a_run_with_other_values_does_not_go_on_there(engine, out, change, named):
    interrupted(engine, out)
    before = journal_of(out).read_bytes()
    values = {"prompts": MANY, "decoding": SHORT, "with_prompt": False} | change
    with pytest.raises(UsageError, match=rf"another {named}.*delete that file"):
        run_batch(
            values["prompts"], engine, values["decoding"], out, with_prompt=values["with_prompt"]
        )
    assert journal_of(out).read_bytes() == before


def test_predictions_that_cannot_be_written_are_an_error_before_anything_is_done(engine, tmp_path):
    with pytest.raises(UsageError, match="cannot be written"):
        run_batch(MANY, engine, SHORT, tmp_path / "nowhere" / "a.json")


# --- failures ---


def test_a_broken_model_ends_the_run(engine, out, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("device lost")

    monkeypatch.setattr(engine._model, "generate", fail)
    with pytest.raises(EngineError, match="device lost"):
        run_batch(MANY, engine, SHORT, out)


@pytest.mark.parametrize(
    ("decoding", "batch_size", "named"),
    [(Decoding(num_beams=0), 8, "num_beams"), (SHORT, 0, "batch size")],
)
def test_wrong_values_are_refused_before_a_file_is_touched(
    engine, out, decoding, batch_size, named
):
    with pytest.raises(UsageError, match=named):
        run_batch(MANY, engine, decoding, out, batch_size=batch_size)
    assert not list(out.parent.iterdir())


# --- a server ---


def test_a_server_is_asked_several_prompts_at_once(out):
    with serving(stream(event(content="a"), event(content="b"), END, pause_s=0.2)) as peer:
        started = time.perf_counter()
        result = run_batch(
            MANY, EndpointEngine(peer.url, "any"), SHORT, out, with_prompt=True, batch_size=7
        )
        assert time.perf_counter() - started < 7 * 0.6
        assert result.done == 7
        assert outputs(out) == ["ab"] * 7
        assert len(peer.chats()) == 7


def test_of_a_batch_that_is_stopped_the_finished_answers_are_kept(out):
    slow = stream(*[event(content="…")] * 100, pause_s=0.05)
    with serving(stream(event(content="a"), END), slow) as peer:
        started = time.monotonic()
        result = run_batch(
            MANY, EndpointEngine(peer.url, "any"), SHORT, out, with_prompt=True,
            cancel=lambda: len(peer.chats()) == len(MANY) and time.monotonic() > started + 1,
        )  # fmt: skip
    assert (result.done, result.left) == (1, len(MANY) - 1)
    assert outputs(out) == ["a"]


def test_a_server_cannot_continue_a_text(out):
    with pytest.raises(UsageError, match="--with-prompt"):
        run_batch(MANY, EndpointEngine("http://127.0.0.1:9", "any"), SHORT, out)


def test_one_failure_is_named_and_tried_again_by_the_next_run(out):
    answer = stream(event(content="a"), END)
    with serving(answer, refusal(500, "hiccup"), answer) as peer:
        engine = EndpointEngine(peer.url, "any")
        result = run_batch(MANY, engine, SHORT, out, with_prompt=True, batch_size=1)
        assert result.done == 6
        [failure] = result.failed
        assert "hiccup" in failure
        asked = len(peer.chats())
        result = run_batch(MANY, engine, SHORT, out, with_prompt=True, batch_size=1)
        assert (result.done, result.failed) == (7, ())
        assert len(peer.chats()) == asked + 1


def test_a_server_that_went_away_ends_the_run_and_what_is_done_is_kept(out, monkeypatch):
    monkeypatch.setattr(endpoint_stream, "RETRY_DELAYS_S", ())
    answer = stream(event(content="a"), END)
    with serving(answer, answer, refusal(500, "gone")) as peer:
        engine = EndpointEngine(peer.url, "any")
        with pytest.raises(EngineError, match="gone"):
            run_batch(MANY, engine, SHORT, out, with_prompt=True, batch_size=1)
        assert len(peer.chats()) == 2 + 3
    assert outputs(out).count("a") == 2
    assert journal_of(out).exists()


# --- in the terminal ---


def test_the_oldest_exchanges_are_left_out_when_room_is_short():
    engine = tiny_engine(context_tokens=60)
    turn = [Message("user", "x" * 10), Message("assistant", "y" * 10)]
    system = [Message("system", "s")]
    *_, done = reply([*system, *turn * 9, Message("user", "q")], engine, SHORT)
    kept = engine.count_tokens([*system, *turn, Message("user", "q")])
    assert done.prompt_tokens == kept <= 54 < kept + engine.count_tokens(turn)
    with pytest.raises(QuestionTooLong):
        list(reply([Message("user", "x" * 60)], engine, SHORT))


def decoding_of(*flags):
    options = build_parser().parse_args(["generate", *flags])
    given = {key: getattr(options, key, None) for key in ("decoding", "max_new_tokens")}
    return commands._decoding(options, load_settings(given, {"RAGAPP_HOME": "/nowhere"}))


@pytest.mark.parametrize(
    ("flags", "decoding"),
    [
        ("", Decoding()),
        ("--max-new-tokens 5", Decoding(max_new_tokens=5)),
        ("--temperature 0.5", Decoding(do_sample=True, temperature=0.5)),
        ("--seed 7 --top-k 4", Decoding(do_sample=True, seed=7, top_k=4)),
        ("--preset balanced", PRESETS["balanced"]),
        ("--preset balanced --top-p 0.5", Decoding(do_sample=True, temperature=0.7, top_p=0.5)),
        ("--preset balanced --no-do-sample --num-beams 2", Decoding(num_beams=2)),
        ("--penalty-alpha 0.6 --top-k 4", Decoding(penalty_alpha=0.6, top_k=4)),
        ("--stop-strings a --stop-strings b", Decoding(stop_strings=("a", "b"))),
    ],
)
def test_decoding_flags_are_named_as_the_values_are(flags, decoding):
    assert decoding_of(*flags.split()) == decoding


def test_an_unknown_preset_is_refused():
    with pytest.raises(SettingsError, match="precise, balanced, creative"):
        decoding_of("--preset", "wild")


@pytest.fixture
def ragapp(models_dir, tmp_path):
    kept = {k: v for k, v in os.environ.items() if not k.startswith("RAGAPP_")}
    environment = kept | {
        "RAGAPP_HOME": str(tmp_path / "home"),
        "RAGAPP_MODELS": str(models_dir),
        "RAGAPP_CHAT_MODEL": SMOLLM2,
        "PYTHONIOENCODING": "utf-8",
    }

    def start(*arguments, **more):
        command = [sys.executable, "-m", "ragapp.cli", "generate", *map(str, arguments)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(command, env=environment | more, encoding="utf-8", **pipes)

    return start


def test_the_command_answers_names_failures_and_says_what_it_lacks(ragapp, tmp_path, out):
    (tmp_path / "p.txt").write_text(f"What is the capital of France?\n{'long ' * 9000}\n")
    run = ragapp(
        "--data-file", tmp_path / "p.txt", "--predictions-file", out, "--with-prompt",
        "--dtype", "float32", "--max-new-tokens", 8, "--json",
    )  # fmt: skip
    stdout, stderr = run.communicate(timeout=120)
    assert run.returncode == 3
    assert "prompt 2: the prompt is too long" in stderr
    assert json.loads(stdout)["done"] == 1
    assert "Paris" in outputs(out)[0]
    values = json.loads(out.with_name("generation_config.json").read_text())
    assert (values["model"], values["dtype"]) == (SMOLLM2, "float32")
    lacking = ragapp("--data-file", tmp_path / "p.txt")
    assert "--predictions-file" in lacking.communicate(timeout=60)[1]
    assert lacking.returncode == 2


def test_ctrl_c_keeps_what_is_done_and_the_same_command_goes_on(ragapp, tmp_path, out):
    (tmp_path / "p.txt").write_text("".join(f"Count from {n} on.\n" for n in range(12)))
    command = (
        "--data-file", tmp_path / "p.txt", "--predictions-file", out,
        "--max-new-tokens", 24, "--batch-size", 2,
    )  # fmt: skip
    run = ragapp(*command)
    deadline = time.monotonic() + 100
    while time.monotonic() < deadline:
        if journal_of(out).exists() and journal_of(out).read_bytes().count(b"\n") >= 3:
            break
        time.sleep(0.05)
    run.send_signal(signal.SIGINT)
    _, stderr = run.communicate(timeout=60)
    assert run.returncode == 3, stderr
    assert "the same command goes on" in stderr
    done = len(outputs(out))
    assert 2 <= done < 12
    again = ragapp(*command)
    again.communicate(timeout=120)
    assert again.returncode == 0
    assert len(outputs(out)) == 12
    assert not journal_of(out).exists()


def test_a_conversation_in_the_terminal_has_a_memory(ragapp):
    thoughts, answers = event(reasoning_content="hm"), [event(content=text) for text in "ab"]
    with serving(*(stream(thoughts, answer, END) for answer in answers)) as peer:
        run = ragapp("--interactive", RAGAPP_ENDPOINT=peer.url)
        stdout, stderr = run.communicate("一\n\n二\n", timeout=60)
        assert (run.returncode, stdout, stderr) == (0, "a\nb\n", "hmhm")
        said = [(m["role"], m["content"]) for m in peer.chats()[1].body["messages"]]
        assert said == [("user", "一"), ("assistant", "a"), ("user", "二")]
        gone = ragapp("--interactive", RAGAPP_ENDPOINT="http://127.0.0.1:9")
        assert "nothing is listening" in gone.communicate("", timeout=60)[1]
        assert gone.returncode == 1
