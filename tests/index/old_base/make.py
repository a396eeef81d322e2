"""Make the knowledge base of an earlier version that the tests open: run it with that version.

    git worktree add ../old 40cf340
    PYTHONPATH=../old python tests/index/old_base/make.py

Writes ``home/kb/notes`` (format 1: a whitening and a cache folder for every generation), the tiny
random encoder it was made with in ``models``, whose weights it will only open with, and
``expected.json``: what that version found, with the vectors of the questions.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import torch
from ragapp.workspace import Workspace
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from ragapp.ask import find
from ragapp.ingest import ingest
from ragapp.remove import remove
from ragapp.retrieval.query import make_query
from ragapp.settings import Settings

HERE = Path(__file__).parent
EMBEDDER = "ragapp/tiny-bert"
DOCUMENTS = {
    "opening-hours.md": "# Opening hours\n\nThe library opens at nine and closes at six.\n\nOn"
    " Saturdays it closes at noon. It stays closed on public holidays.\n",
    "loans.md": "# Loans\n\nA book may be kept for four weeks and renewed twice.\n\nThe fine is"
    " twenty cents a day. Lost books are paid for at the price of a new copy.\n",
    "借阅规则.txt": "每位读者最多可以借十本书。\n\n借期为四周，可以续借两次。\n\n"
    "逾期每天罚款两角，遗失图书按新书价格赔偿。\n",
    "自习室.txt": "自习室在三楼，早上八点开门。\n\n座位需要预约，迟到半小时自动取消。\n",
    "printing.txt": "Printing costs ten cents a page.\n\nThe printer on the second floor also scans"
    " to a memory stick.\n",
    "old-notice.txt": "The lift is out of order until Friday.\n",
}
QUESTIONS = {
    "When does the library close on Saturdays?": "opening-hours.md",
    "How long may a book be kept?": "loans.md",
    "自习室几点开门？": "自习室.txt",
    "遗失图书怎么赔偿？": "借阅规则.txt",
    "What does printing a page cost?": "printing.txt",
}


def main() -> None:
    home, models_folder = HERE / "home", HERE / "models"
    for folder in (home, models_folder):
        shutil.rmtree(folder, ignore_errors=True)
    make_encoder(models_folder / EMBEDDER.replace("/", "--"))
    settings = Settings(
        home=home, models=models_folder, embedder=EMBEDDER, chunk_tokens=100, dtype="float32"
    )
    base = Workspace(settings).create("notes")
    with tempfile.TemporaryDirectory() as folder:
        for name, text in DOCUMENTS.items():
            (Path(folder) / name).write_text(text, encoding="utf-8")
        ingest([Path(folder)], base)
    remove("old-notice.txt", base)
    with base.kb.writer() as writer:
        for document in writer.documents():
            writer.rename(document.id, f"/notes/{document.name}", document.name)
    expected = []
    for question, document in QUESTIONS.items():
        hits = find(question, base, 20)
        assert hits[0].document == document, (question, [hit.document for hit in hits])
        query = make_query(question, (), base.encoder)
        expected.append(
            {
                "question": question,
                "document": document,
                "vector": [round(float(x), 7) for x in query.vector],
                "hits": [
                    {k: getattr(hit, k) for k in ("chunk_id", "score", "dense", "lexical")}
                    for hit in hits
                ],
            }
        )
    (HERE / "expected.json").write_text(
        json.dumps(expected, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
    )
    (home / "kb" / "notes" / "writer.lock").unlink(missing_ok=True)
    (models_folder / ".hardware.json").unlink(missing_ok=True)


def make_encoder(folder: Path) -> None:
    """Save a random BERT of 16 dimensions with a token for every byte."""
    special = ["[PAD]", "[CLS]", "[SEP]"]
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: n for n, token in enumerate([*special, *letters])}
    backend = Tokenizer(models.BPE(vocabulary, []))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]",
        model_max_length=320,
    )  # fmt: skip
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=320, pad_token_id=0, initializer_range=0.2,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


if __name__ == "__main__":
    main()
