"""What a message asks of the knowledge base itself, where it asks no question of its documents.

Only whole messages are recognised: "How many documents must be handed in?" is about documents, but
not about those that are here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath

from ragapp.text.terms import fold

LONGEST = 200
"""Characters of a message that can be of this kind."""


class Topic(StrEnum):
    """What is asked about."""

    GREETING = "greeting"
    THANKS = "thanks"
    FAREWELL = "farewell"
    COUNT = "count"
    LISTING = "listing"
    SUMMARY = "summary"


@dataclass(frozen=True, slots=True)
class Asks:
    """A topic, and the name of the document that a summary is asked of."""

    topic: Topic
    document: str = ""


_NAMED = r"(?:documents?|docs?|files?|texts?)"
_HERE = (
    r"(?: (?:are (?:there|here)|do (?:i|we|you) have|have been (?:uploaded|added|indexed)"
    r"|(?:have|did) (?:i|we|you) (?:got|uploaded?|added|indexed|ingested?)"
    r"|can you (?:see|read|search)|(?:are )?(?:stored |indexed |searchable )?"
    r"in (?:the|this|my|your|our) (?:knowledge base|base|library|collection|database)))*"
    r"(?: (?:here|now|in all|in total|at all|altogether|at the moment))*"
)
_OURS = (
    r"(?:你|您|我|们|这里|这儿|里面|知识库|库|目前|现在|当前|一共|总共|共|都|已经|上传了?|收录了?"
    r"|里|中|的)*"
)
_DOCUMENTS = r"(?:文件|文档|资料|文章)"
_WHOLE = tuple(
    (topic, re.compile(pattern))
    for topic, pattern in (
        (
            Topic.GREETING,
            r"(?:hi|hello|hey|hiya|greetings|good (?:morning|afternoon|evening|day))"
            r"(?: (?:there|all))?"
            r"|(?:你|您|大家)好[啊呀]?|嗨|哈喽|早上好|上午好|下午好|晚上好|早安|在吗",
        ),
        (
            Topic.THANKS,
            r"(?:many )?(?:thanks|thank you|thank u|thx|cheers)"
            r"(?: (?:a lot|so much|very much|again))?"
            r"|(?:非常|十分|太|真)?(?:谢谢|多谢|感谢|谢了)(?:你|您|啦|了)*",
        ),
        (Topic.FAREWELL, r"(?:good ?)?bye(?:[- ]bye)?|see you(?: later)?|再见|拜拜|晚安"),
        (Topic.COUNT, rf"how many (?:different )?{_NAMED}{_HERE}"),
        (Topic.COUNT, rf"(?:what is )?(?:the )?number of {_NAMED}{_HERE}"),
        (Topic.COUNT, rf"{_OURS}有?{_OURS}(?:多少|几)(?:个|份|篇|本|条)?{_DOCUMENTS}{_OURS}"),
        (
            Topic.COUNT,
            rf"{_OURS}{_DOCUMENTS}(?:的?数量|总数|有(?:多少|几)(?:个|份|篇)?)(?:是多少)?",
        ),
        (Topic.LISTING, rf"(?:what|which) (?:kinds? of |sorts? of )?{_NAMED}{_HERE}"),
        (
            Topic.LISTING,
            rf"(?:please )?(?:list|show|name|tell)(?: me)?(?: all)?(?: of)?(?: the| my| our| your)?"
            rf" {_NAMED}{_HERE}",
        ),
        (Topic.LISTING, r"what(?: is|'s| do you have| have you got)? in (?:the|this|my|your|our) "
                        r"(?:knowledge base|base|library|collection|database)"),
        (Topic.LISTING, rf"{_OURS}有?{_OURS}(?:哪些|什么|哪几[个份篇]){_DOCUMENTS}{_OURS}"),
        (
            Topic.LISTING,
            rf"请?(?:列出|列举|显示|告诉我)(?:一下)?(?:所有|全部|全体)?{_OURS}{_DOCUMENTS}",
        ),
    )
)  # fmt: skip
_SUMMARY = re.compile(
    r"(?:please )?(?:can you |could you )?(?:summari[sz]e|sum up|(?:give (?:me )?a )?summary of"
    r"|outline|describe)(?: the)?(?: (?:document|file|text))? (?P<a>.+)"
    r"|what (?:is|does) (?:the (?:document|file|text) )?(?P<b>.+?) (?:about|say|contain|cover)"
    r"|what(?: is|'s)? in (?:the (?:document|file|text) )?(?P<c>.+)"
    r"|(?:请)?(?:帮我)?(?:总结|概括|概述|归纳|介绍)(?:一下)?(?:文件|文档)?(?P<d>.+?)(?:的(?:主要)?内容)?"
    r"|(?P<e>.+?)(?:这[个份篇](?:文件|文档))?(?:主要)?(?:讲了?|说了?|写了?|是关于|介绍了?)"
    r"(?:些)?什么(?:内容)?的?"
    r"|(?P<f>.+?)的(?:主要内容|内容|大意|摘要|总结|概要)(?:是什么)?"
)
_POLITE = re.compile("请问|吗|呢")
_AROUND = re.compile(r"^[\s\"'“”‘’「」『』《》]+|[\s\"'“”‘’「」『』《》.。!！?？,，~～]+$")


def asks_about_base(message: str) -> Asks | None:
    """Say what a message asks of the knowledge base; None: it is a question like others.

    Of a summary, ``document`` is what was written for its name, folded; see ``is_named``.
    """
    plain = " ".join(_AROUND.sub("", fold(message)).split())
    if len(plain) > LONGEST:
        return None
    plain = _AROUND.sub("", _POLITE.sub("", plain))
    for topic, whole in _WHOLE:
        if whole.fullmatch(plain):
            return Asks(topic)
    named = _SUMMARY.fullmatch(plain)
    if named is None:
        return None
    return Asks(Topic.SUMMARY, _AROUND.sub("", next(filter(None, named.groupdict().values()), "")))


def is_named(written: str, name: str) -> bool:
    """Say whether a folded text is the name of a file, with its suffix or without."""
    return written in (fold(name), fold(PurePath(name).stem))
