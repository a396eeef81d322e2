"""A folder with a config and a small byte-level tokenizer, in the layout that checkpoints have."""

import json
from pathlib import Path


def write_tiny_chat_model(
    folder: Path,
    config: dict[str, object],
    tokens: tuple[str, ...] = ("<s>", "</s>"),
    template: str | None = None,
    **tokenizer_config: object,
) -> Path:
    """``tokens``: the control tokens, the ids after the 256 bytes; the last one ends a text."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({byte: n for n, byte in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(list(tokens))
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": tokens[0],
        "eos_token": tokens[-1],
        **tokenizer_config,
    }
    if template is not None:
        settings["chat_template"] = template
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder
