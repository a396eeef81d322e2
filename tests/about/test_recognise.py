"""Whole messages about the knowledge base are told from questions of its documents."""

import time

import pytest

from ragapp.about.recognise import Topic, asks_about_base, is_named


@pytest.mark.parametrize(
    ("message", "topic"),
    [
        ("hi", Topic.GREETING), ("Hello!", Topic.GREETING), ("你好", Topic.GREETING),
        ("Thanks a lot!", Topic.THANKS), ("谢谢", Topic.THANKS), ("bye", Topic.FAREWELL),
        ("How many documents do I have?", Topic.COUNT), ("一共有几个文档", Topic.COUNT),
        ("知识库里现在一共有多少份文档？", Topic.COUNT), ("文件总数", Topic.COUNT),
        ("What documents are there?", Topic.LISTING), ("我上传了哪些文件？", Topic.LISTING),
        ("What's in my knowledge base?", Topic.LISTING), ("list all documents", Topic.LISTING),
    ],
)  # fmt: skip
def test_messages_about_the_base(message, topic):
    assert asks_about_base(message).topic is topic


@pytest.mark.parametrize(
    "message",
    ["How many documents must an applicant submit?", "需要提交哪些文件？", "文件有多少页？",
     "Which documents are needed for a visa?", "List all documents required", "Hello world?",
     "办理签证要多少份文件？", ""],
)  # fmt: skip
def test_questions_of_documents_are_left_to_the_documents(message):
    assert asks_about_base(message) is None


@pytest.mark.parametrize(
    ("message", "name"),
    [("Summarise lighthouse.md.", "lighthouse.md"), ("What is ferry about?", "ferry.txt"),
     ("总结一下渡假屋.txt", "渡假屋.txt"), ("渡假屋讲了什么？", "渡假屋.txt")],
)  # fmt: skip
def test_a_summary_names_its_document(message, name):
    asks = asks_about_base(message)
    assert asks.topic is Topic.SUMMARY
    assert is_named(asks.document, name)
    assert not is_named(asks.document, "other.md")


def test_no_message_takes_long():
    began = time.perf_counter()
    for message in ("里面的" * 60, "what is " + "a about " * 24, "summary of " * 18):
        asks_about_base(message)
    assert time.perf_counter() - began < 1
