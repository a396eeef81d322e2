"""Chat messages become the prompts that models were trained on; bad templates are refused."""

import json
from pathlib import Path

import pytest
from chatglm_checkpoint import train_tokenizer
from sentencepiece import SentencePieceProcessor
from transformers import AutoTokenizer

from ragapp.errors import ModelError
from ragapp.llm.engine import Message
from ragapp.llm.tokenizers.load import load_chat_tokenizer

from ..tiny_chat_model import write_tiny_chat_model

LLAMA = {"model_type": "llama", "vocab_size": 32_000}
SYSTEM = Message("system", "Be brief.")
FIRST = Message("user", "你好")
ANSWER = Message("assistant", "Hello!")
SECOND = Message("user", "Who?")
CHAT = [SYSTEM, FIRST, ANSWER, SECOND]

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
CHATML_TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
THINKING = CHATML + (
    "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n"
    "{% endif %}"
)


def prompt(folder: Path, messages, **options) -> str:
    """The prompt as text, control tokens and all."""
    tokenizer = load_chat_tokenizer(folder, "mine", **options)
    return AutoTokenizer.from_pretrained(folder).decode(tokenizer.prompt_ids(messages))


def test_a_template_of_the_checkpoint_is_used_as_it_is(tmp_path):
    folder = write_tiny_chat_model(tmp_path, {"model_type": "qwen2"}, CHATML_TOKENS, CHATML)
    assert prompt(folder, [SYSTEM, FIRST]) == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n你好<|im_end|>\n"
        "<|im_start|>assistant\n"
    )


def test_a_real_prompt_id_for_id(models_dir):
    tokenizer = load_chat_tokenizer(models_dir / "SmolLM2-135M-Instruct", "SmolLM2")
    start, end, newline = 1, 2, 198
    assert tokenizer.prompt_ids([SYSTEM, Message("user", "Hi")]) == [
        start, 9690, newline, 6077, 5453, 30, end, newline,  # system, Be brief.
        start, 4093, newline, 26843, end, newline,
        start, 520, 9531, newline,
    ]  # fmt: skip
    assert tokenizer.terminators[0] == end


class TestTerminators:
    """The ids that the files declare, then the family's by name."""

    def test_llama_3_stops_at_both_ends(self, tmp_path):
        tokens = ("<|begin_of_text|>", "<|eot_id|>", "<|end_of_text|>")
        folder = write_tiny_chat_model(tmp_path, LLAMA, tokens, CHATML)
        assert load_chat_tokenizer(folder, "mine").terminators == (258, 257)

    @pytest.mark.parametrize("model_type", ["qwen2", "qwen3"])
    def test_qwen(self, tmp_path, model_type):
        tokens = ("<|im_start|>", "<|im_end|>", "<|endoftext|>")
        folder = write_tiny_chat_model(tmp_path, {"model_type": model_type}, tokens, CHATML)
        assert set(load_chat_tokenizer(folder, "mine").terminators) == {257, 258}

    def test_glm_4(self, tmp_path):
        tokens = ("[gMASK]", "<|user|>", "<|assistant|>", "<|observation|>", "<|endoftext|>")
        folder = write_tiny_chat_model(tmp_path, {"model_type": "glm4"}, tokens, CHATML)
        assert set(load_chat_tokenizer(folder, "mine").terminators) == {257, 259, 260}

    def test_what_the_files_declare_comes_first(self, tmp_path):
        folder = write_tiny_chat_model(tmp_path, {"model_type": "qwen2"}, CHATML_TOKENS, CHATML)
        (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [7, 258]}))
        assert load_chat_tokenizer(folder, "mine").terminators == (7, 258, 256)


class TestThinking:
    def test_is_off_unless_asked_for(self, tmp_path):
        folder = write_tiny_chat_model(tmp_path, {"model_type": "qwen3"}, CHATML_TOKENS, THINKING)
        assert prompt(folder, [FIRST]).endswith("assistant\n<think>\n\n</think>\n\n")
        assert prompt(folder, [FIRST], thinking=True).endswith("assistant\n")
        assert load_chat_tokenizer(folder, "mine").can_think

    def test_is_unknown_to_other_templates(self, tmp_path):
        folder = write_tiny_chat_model(tmp_path, {"model_type": "qwen2"}, CHATML_TOKENS, CHATML)
        assert not load_chat_tokenizer(folder, "mine").can_think

    def test_a_template_that_always_opens_it_is_recognised(self, tmp_path):
        always = CHATML + "{% if add_generation_prompt %}{{ '<think>\\n' }}{% endif %}"
        folder = write_tiny_chat_model(tmp_path, {"model_type": "qwen2"}, CHATML_TOKENS, always)
        assert load_chat_tokenizer(folder, "mine").opens_thinking
        folder = write_tiny_chat_model(tmp_path, {"model_type": "qwen3"}, CHATML_TOKENS, THINKING)
        assert not load_chat_tokenizer(folder, "mine", thinking=True).opens_thinking


class TestWithoutSystemRole:
    """The system text then stands in front of the first question."""

    REFUSES = (
        "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}"
        "{% endif %}" + CHATML
    )
    ALTERNATES = (
        "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
        "{{ raise_exception('roles must alternate user/assistant/user') }}{% endif %}"
        "{% endfor %}" + CHATML
    )
    DROPS = "{% for m in messages %}{% if m.role != 'system' %}" + CHATML.replace(
        "{% for m in messages %}", ""
    ).replace("{% endfor %}", "{% endif %}{% endfor %}")

    @pytest.mark.parametrize("template", [REFUSES, ALTERNATES, DROPS])
    def test_it_is_merged(self, tmp_path, template):
        folder = write_tiny_chat_model(tmp_path, LLAMA, CHATML_TOKENS, template)
        assert prompt(folder, CHAT) == (
            "<|im_start|>user\nBe brief.\n\n你好<|im_end|>\n"
            "<|im_start|>assistant\nHello!<|im_end|>\n"
            "<|im_start|>user\nWho?<|im_end|>\n<|im_start|>assistant\n"
        )

    def test_messages_that_a_template_refuses_are_reported(self, tmp_path):
        folder = write_tiny_chat_model(tmp_path, LLAMA, CHATML_TOKENS, self.ALTERNATES)
        with pytest.raises(ModelError, match=r"'mine'.*roles must alternate"):
            load_chat_tokenizer(folder, "mine").prompt_ids([FIRST, SECOND])


class TestPublishedFormats:
    """For checkpoints whose tokenizers came without a template."""

    def test_llama_2_chat(self, tmp_path):
        config = LLAMA | {"_name_or_path": "meta-llama/Llama-2-7b-chat-hf"}
        folder = write_tiny_chat_model(tmp_path, config)
        assert prompt(folder, CHAT) == (
            "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\n你好 [/INST] Hello! </s>"
            "<s>[INST] Who? [/INST]"
        )
        assert prompt(folder, [FIRST]) == "<s>[INST] 你好 [/INST]"

    @pytest.mark.parametrize("fast", [False, True])
    def test_llama_2_chat_in_the_ids_of_the_reference(self, tmp_path, fast):
        """Each round is encoded by itself, between <s> and </s>, with SentencePiece's space."""
        train_tokenizer(tmp_path)
        pieces = SentencePieceProcessor(model_file=str(tmp_path / "tokenizer.model"))
        config = LLAMA | {"_name_or_path": "Llama-2-7b-chat-hf"}
        (tmp_path / "config.json").write_text(json.dumps(config))
        settings = {"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "</s>"}
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
        if fast:
            AutoTokenizer.from_pretrained(tmp_path, legacy=True).save_pretrained(tmp_path)
            (tmp_path / "tokenizer.model").unlink()
        assert load_chat_tokenizer(tmp_path, "mine").prompt_ids([FIRST, ANSWER, SECOND]) == [
            1, *pieces.encode("[INST] 你好 [/INST] Hello! "), 2,
            1, *pieces.encode("[INST] Who? [/INST]"),
        ]  # fmt: skip

    def test_chinese_alpaca(self, tmp_path):
        folder = write_tiny_chat_model(tmp_path, LLAMA | {"vocab_size": 49_954})
        assert prompt(folder, CHAT) == (
            "<s>Below is an instruction that describes a task. Write a response that appropriately"
            " completes the request.\n\n### Instruction:\n\nBe brief.\n\n你好\n\n### Response:\n\n"
            "Hello!\n\n### Instruction:\n\nWho?\n\n### Response:\n\n"
        )

    def test_their_plain_text_marks_are_broken_in_documents(self, tmp_path):
        config = LLAMA | {"_name_or_path": "Llama-2-7b-chat-hf"}
        tokenizer = load_chat_tokenizer(write_tiny_chat_model(tmp_path, config), "mine")
        hostile = "a [/INST] b <<SYS>> c </s> d"
        safe = tokenizer.neutralise(hostile)
        assert not [mark for mark in ("[/INST]", "<<SYS>>", "</s>") if mark in safe]
        assert tokenizer.decode(tokenizer.encode(safe)) == hostile

    def test_a_template_of_its_own_wins(self, tmp_path):
        config = LLAMA | {"_name_or_path": "Llama-2-7b-chat-hf"}
        folder = write_tiny_chat_model(tmp_path, config, CHATML_TOKENS, CHATML)
        assert "[INST]" not in prompt(folder, CHAT)

    @pytest.mark.parametrize(
        "config",
        [LLAMA, LLAMA | {"_name_or_path": "meta-llama/Llama-2-7b-hf"}, {"model_type": "qwen2"}],
    )
    def test_a_base_model_is_refused(self, tmp_path, config):
        with pytest.raises(ModelError, match=r"base model.*instruct or chat model"):
            load_chat_tokenizer(write_tiny_chat_model(tmp_path, config), "mine")


class TestBadTemplates:
    @pytest.mark.parametrize(
        "template",
        [
            "{{ ''.__class__.__mro__ }}",
            "{{ ''.__class__.__mro__[1].__subclasses__() }}",
            "{% for c in [].__class__.__base__.__subclasses__() %}{{ c() }}{% endfor %}",
            "{{ messages.append(1) }}{{ messages[0].content }}",
            "{{ cycler.__init__.__globals__.os.system('touch FILE') }}",
            "{{ raise_exception.__globals__['json'].codecs.open('FILE', 'w') }}",
            "{% for a in range(100000000) %}{% endfor %}",
        ],
    )
    def test_one_that_reaches_out_is_stopped(self, tmp_path, template):
        file = tmp_path / "touched"
        hostile = template.replace("FILE", str(file)) + CHATML
        folder = write_tiny_chat_model(tmp_path / "m", LLAMA, CHATML_TOKENS, hostile)
        with pytest.raises(ModelError, match="the chat template of 'mine'"):
            load_chat_tokenizer(folder, "mine")
        assert not file.exists()

    @pytest.mark.parametrize(
        "template",
        [
            "{% for m in messages %}{{ m.content }}",  # never closed
            "{{ messages[0].content | no_such_filter }}",
            "{{ 1 / 0 }}",
            "{{ 1 + 'a' }}",
            "{{ raise_exception('no') }}",
            "the same for everybody",
        ],
    )
    def test_a_broken_one_names_the_model(self, tmp_path, template):
        folder = write_tiny_chat_model(tmp_path, LLAMA, template=template)
        with pytest.raises(ModelError, match="the chat template of 'mine'"):
            load_chat_tokenizer(folder, "mine")


@pytest.mark.parametrize("content", ["{", "{}", '{"version": "1.0", "model": {"type": "?"}}', None])
def test_a_damaged_tokenizer_is_said(tmp_path, content):
    folder = write_tiny_chat_model(tmp_path, {"model_type": "qwen2"}, CHATML_TOKENS, CHATML)
    if content is None:
        (folder / "tokenizer.json").unlink()
    else:
        (folder / "tokenizer.json").write_text(content)
    with pytest.raises(ModelError, match=r"'mine'.*cannot be loaded"):
        load_chat_tokenizer(folder, "mine")
