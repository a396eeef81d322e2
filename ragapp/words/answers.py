"""The sentences that ragapp itself says in an answer, in English and both scripts of Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ragapp.types import Notice, NoticeKind


@dataclass(frozen=True, slots=True)
class Phrases:
    """``notices`` are templates for the values of a ``Notice``.

    greeting to more: what is said of the knowledge base itself, with its counts. functions to
    compared: of what is computed of tables, by the name of the function.
    """

    refusal: str
    greeting: str
    thanks: str
    farewell: str
    no_documents: str
    count: str
    more: str
    functions: Mapping[str, str]
    query: str
    compared: str
    notices: Mapping[NoticeKind, str]

    def notice(self, notice: Notice) -> str:
        """Return the sentence of a notice."""
        return self.notices[notice.kind].format(**notice.values)


ENGLISH = Phrases(
    refusal="I found nothing about this in your documents.",
    greeting="Hello. Ask me about your documents: there are {count} in this knowledge base.",
    thanks="You are welcome.",
    farewell="Goodbye.",
    no_documents="There are no documents in this knowledge base yet.",
    count="Documents in this knowledge base: {count}; passages: {passages}.",
    more="… and {count} more.",
    functions={"sum": "Sum of “{column}”: ", "avg": "Mean of “{column}”: ", "count": "Rows: "},
    query="Computed from the rows of {document}: {sql}",
    compared="{document}: {value}. Compared were {count} sentences of one pattern:",
    notices={
        NoticeKind.UNBACKED: "Not backed by any sentence found in your documents: “{statement}”",
        NoticeKind.DROPPED_TURNS: "The conversation is longer than the model's context: the first"
        " {count} turns were left out.",
        NoticeKind.DROPPED_EXCERPTS: "Left out, because the model's context is full: excerpts"
        " {numbers}.",
        NoticeKind.WEAK_MODEL: "The model “{model}” is too small to be trusted with answers; these"
        " are quotations from your documents. A larger model can be had with"
        " `ragapp models pull`.",
        NoticeKind.NO_CHAT_MODEL: "There is no chat model on this computer, so answers are"
        " quotations. To get one run: `{command}`",
        NoticeKind.NOT_STREAMED: "Beam search shows its answer only when the whole of it is there.",
        NoticeKind.ORDER_OBEYED: "The model began to do what an instruction inside a document says,"
        " so its answer was stopped; these are quotations from your documents.",
        NoticeKind.ORDER_QUOTED: "Some of these sentences give instructions to an assistant. They"
        " are quoted, and no model was asked to read them.",
        NoticeKind.OFF_TOPIC: "The model's answer does not seem to answer the question; these are"
        " the sentences of your documents that come closest to it.",
        NoticeKind.NOT_SEARCHABLE_YET: "{count} of {total} files are not searchable yet; an answer"
        " may stand in one of them.",
    },
)
SIMPLIFIED = Phrases(
    refusal="在您的文档中没有找到与此相关的内容。",
    greeting="您好。这个知识库里有 {count} 个文档，请就它们提问。",
    thanks="不客气。",
    farewell="再见。",
    no_documents="这个知识库里还没有文档。",
    count="这个知识库里有 {count} 个文档，共 {passages} 个段落。",
    more="……另有 {count} 个。",
    functions={"sum": "“{column}”合计：", "avg": "“{column}”平均：", "count": "行数："},
    query="由 {document} 的各行计算得出：{sql}",
    compared="{document}：{value}。比较了 {count} 个同类句子：",
    notices={
        NoticeKind.UNBACKED: "这句话在您的文档中找不到依据：“{statement}”",
        NoticeKind.DROPPED_TURNS: "对话超出了模型的上下文长度，最早的 {count} 轮没有带上。",
        NoticeKind.DROPPED_EXCERPTS: "模型的上下文已满，这些摘录没有带上：{numbers}。",
        NoticeKind.WEAK_MODEL: "模型“{model}”太小，回答不可信，因此直接引用文档原句。"
        "可用 `ragapp models pull` 获取更大的模型。",
        NoticeKind.NO_CHAT_MODEL: "本机还没有对话模型，因此只引用原文。获取模型请运行：`{command}`",
        NoticeKind.NOT_STREAMED: "束搜索要等整个回答生成完才能显示。",
        NoticeKind.ORDER_OBEYED: "模型开始执行文档里夹带的指令，因此停止了它的回答；"
        "以下直接引用文档原句。",
        NoticeKind.ORDER_QUOTED: "其中有对助手发出指令的句子。这里只作引用，没有交给模型阅读。",
        NoticeKind.OFF_TOPIC: "模型的回答似乎没有回答这个问题；以下是文档中与问题最接近的句子。",
        NoticeKind.NOT_SEARCHABLE_YET: "{total} 个文件中还有 {count} 个暂时检索不到，"
        "答案也许就在其中。",
    },
)
TRADITIONAL = Phrases(
    refusal="在您的文件中沒有找到與此相關的內容。",
    greeting="您好。這個知識庫裡有 {count} 份文件，請就它們提問。",
    thanks="不客氣。",
    farewell="再見。",
    no_documents="這個知識庫裡還沒有文件。",
    count="這個知識庫裡有 {count} 份文件，共 {passages} 個段落。",
    more="……另有 {count} 份。",
    functions={"sum": "「{column}」合計：", "avg": "「{column}」平均：", "count": "列數："},
    query="由 {document} 的各列計算得出：{sql}",
    compared="{document}：{value}。比較了 {count} 個同類句子：",
    notices={
        NoticeKind.UNBACKED: "這句話在您的文件中找不到依據：「{statement}」",
        NoticeKind.DROPPED_TURNS: "對話超出了模型的上下文長度，最早的 {count} 輪沒有帶上。",
        NoticeKind.DROPPED_EXCERPTS: "模型的上下文已滿，這些摘錄沒有帶上：{numbers}。",
        NoticeKind.WEAK_MODEL: "模型「{model}」太小，回答不可信，因此直接引用文件原句。"
        "可用 `ragapp models pull` 取得更大的模型。",
        NoticeKind.NO_CHAT_MODEL: "本機還沒有對話模型，因此只引用原文。取得模型請執行：`{command}`",
        NoticeKind.NOT_STREAMED: "束搜尋要等整個回答生成完才能顯示。",
        NoticeKind.ORDER_OBEYED: "模型開始執行文件裡夾帶的指令，因此停止了它的回答；"
        "以下直接引用文件原句。",
        NoticeKind.ORDER_QUOTED: "其中有對助理發出指令的句子。這裡只作引用，沒有交給模型閱讀。",
        NoticeKind.OFF_TOPIC: "模型的回答似乎沒有回答這個問題；以下是文件中與問題最接近的句子。",
        NoticeKind.NOT_SEARCHABLE_YET: "{total} 個檔案中還有 {count} 個暫時檢索不到，"
        "答案也許就在其中。",
    },
)
