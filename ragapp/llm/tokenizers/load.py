"""A model's folder to its tokenizer, with the chat format of its family."""

from __future__ import annotations

from pathlib import Path

from ragapp.errors import ModelError
from ragapp.llm import families
from ragapp.llm.families import Family
from ragapp.llm.tokenizers.protocol import ChatTokenizer
from ragapp.llm.tokenizers.template import TemplateTokenizer
from ragapp.untyped import Tokenizer


def load_chat_tokenizer(
    folder: Path, name: str, *, thinking: bool = False, trust_remote_code: bool = False
) -> ChatTokenizer:
    """Load the tokenizer of a chat model from its folder, with the format of its family.

    thinking: let a model that can think do so before it answers.

    Raises:
        ModelError: it cannot be read, its architecture is unknown, or it is a base model without
            a chat format.
    """
    family = families.family_of(folder, name, trust_remote_code=trust_remote_code)
    if family in (Family.CHATGLM_2, Family.CHATGLM_3):
        from ragapp.llm.tokenizers.chatglm import load_chatglm_tokenizer

        return load_chatglm_tokenizer(folder, name, 3 if family is Family.CHATGLM_3 else 2)
    # The published formats count on it: SentencePiece's space also after a control token.
    options = {"legacy": True} if family in families.FORMATS else {}
    tokenizer = _load(folder, name, trust_remote_code=trust_remote_code, **options)
    marks: tuple[str, ...] = ()
    if not tokenizer.chat_template:
        if family not in families.FORMATS:
            raise ModelError("no_chat_template", name=name)
        tokenizer.chat_template = families.FORMATS[family].template
        marks = families.FORMATS[family].marks
    terminators = _terminators(folder, tokenizer, family)
    return TemplateTokenizer(tokenizer, name, terminators, thinking=thinking, marks=marks)


def _load(folder: Path, name: str, **options: bool) -> Tokenizer:
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, **options)
    except Exception as error:  # the Rust library raises bare exceptions for a damaged file
        raise ModelError(
            "chat_model_unreadable", name=name, folder=folder, reason=str(error)
        ) from error
    if not tokenizer.encode("a", add_special_tokens=False):  # built without its files
        raise ModelError("tokenizer_files_missing", name=name, folder=folder)
    return tokenizer


def _terminators(folder: Path, tokenizer: Tokenizer, family: Family) -> tuple[int, ...]:
    """Collect the ids that the files declare, then those that the family is known for."""
    from transformers import GenerationConfig

    try:
        declared = GenerationConfig.from_pretrained(folder).eos_token_id
    except (OSError, ValueError):  # the file is optional
        declared = None
    ids = declared if isinstance(declared, list) else [declared]
    added = tokenizer.get_added_vocab()
    known = [added[token] for token in families.END_TOKENS.get(family, ()) if token in added]
    every = [*ids, tokenizer.eos_token_id, *known]
    return tuple(dict.fromkeys(int(token) for token in every if token is not None))
