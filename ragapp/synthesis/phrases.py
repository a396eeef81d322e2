"""The sentences that ragapp itself says in an answer, in the language of the question."""

from __future__ import annotations

from dataclasses import dataclass

from ragapp.text.language import Language, language_of

TRADITIONAL_ONLY = frozenset(
    "這個們來時會為過對說還沒麼嗎請問誰哪裡東車學國點開關體實發經現電動應當與從條"
)


@dataclass(frozen=True, slots=True)
class Phrases:
    """``unbacked`` takes the number of statements; ``dropped`` turns and excerpts."""

    refusal: str
    unbacked: str
    dropped_turns: str
    dropped_excerpts: str
    weak_model: str
    not_streamed: str
    order_obeyed: str
    order_quoted: str
    off_topic: str


ENGLISH = Phrases(
    refusal="I found nothing about this in your documents.",
    unbacked="Not backed by any sentence found in your documents: “{statement}”",
    dropped_turns="The conversation is longer than the model's context: the first {count} turns"
    " were left out.",
    dropped_excerpts="Left out, because the model's context is full: excerpts {numbers}.",
    weak_model="The model “{model}” is too small to be trusted with answers; these are quotations"
    " from your documents. A larger model can be had with `ragapp models pull`.",
    not_streamed="Beam search shows its answer only when the whole of it is there.",
    order_obeyed="The model began to do what an instruction inside a document says, so its answer"
    " was stopped; these are quotations from your documents.",
    order_quoted="Some of these sentences give instructions to an assistant. They are quoted, and"
    " no model was asked to read them.",
    off_topic="The model's answer does not seem to answer the question; these are the sentences of"
    " your documents that come closest to it.",
)
SIMPLIFIED = Phrases(
    refusal="在您的文档中没有找到与此相关的内容。",
    unbacked="这句话在您的文档中找不到依据：“{statement}”",
    dropped_turns="对话超出了模型的上下文长度，最早的 {count} 轮没有带上。",
    dropped_excerpts="模型的上下文已满，这些摘录没有带上：{numbers}。",
    weak_model="模型“{model}”太小，回答不可信，因此直接引用文档原句。"
    "可用 `ragapp models pull` 获取更大的模型。",
    not_streamed="束搜索要等整个回答生成完才能显示。",
    order_obeyed="模型开始执行文档里夹带的指令，因此停止了它的回答；以下直接引用文档原句。",
    order_quoted="其中有对助手发出指令的句子。这里只作引用，没有交给模型阅读。",
    off_topic="模型的回答似乎没有回答这个问题；以下是文档中与问题最接近的句子。",
)
TRADITIONAL = Phrases(
    refusal="在您的文件中沒有找到與此相關的內容。",
    unbacked="這句話在您的文件中找不到依據：「{statement}」",
    dropped_turns="對話超出了模型的上下文長度，最早的 {count} 輪沒有帶上。",
    dropped_excerpts="模型的上下文已滿，這些摘錄沒有帶上：{numbers}。",
    weak_model="模型「{model}」太小，回答不可信，因此直接引用文件原句。"
    "可用 `ragapp models pull` 取得更大的模型。",
    not_streamed="束搜尋要等整個回答生成完才能顯示。",
    order_obeyed="模型開始執行文件裡夾帶的指令，因此停止了它的回答；以下直接引用文件原句。",
    order_quoted="其中有對助理發出指令的句子。這裡只作引用，沒有交給模型閱讀。",
    off_topic="模型的回答似乎沒有回答這個問題；以下是文件中與問題最接近的句子。",
)


def phrases_for(question: str) -> Phrases:
    """Return the phrases in the language, and for Chinese the script, of a question."""
    if language_of(question) is Language.ENGLISH:
        return ENGLISH
    return TRADITIONAL if TRADITIONAL_ONLY & set(question) else SIMPLIFIED
