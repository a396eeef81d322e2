"""Every word of the page, in Chinese and in English."""

from __future__ import annotations

from dataclasses import dataclass

from ragapp.types import FinishReason, Stage


@dataclass(frozen=True, slots=True)
class Strings:
    """Words in braces are filled in by ``str.format``."""

    html_lang: str
    # library
    library: str
    knowledge_base: str
    new: str
    new_name: str
    create: str
    manage: str
    folder: str
    models: str
    delete_kb: str
    delete_kb_warning: str
    delete_kb_confirm: str
    keep: str
    created: str
    deleted_kb: str
    upload: str
    drop: str
    sending: str
    too_large: str
    no_room: str
    too_many_files: str
    not_sent: str
    stop_ingest: str
    documents: str
    no_documents: str
    more_documents: str
    more_files: str
    run_files: str
    run_pace: str
    run_minutes: str
    run_seconds: str
    document_line: str
    document_line_pages: str
    delete: str
    delete_confirm: str
    removed: str
    removed_kept_file: str
    undo: str
    too_late_to_undo: str
    coming_back: str
    gone_already: str
    busy: str
    stages: dict[Stage, str]
    queued: str
    stopped: str
    clear: str
    statuses: dict[str, str]
    # chat
    chat: str
    ask_placeholder: str
    ask_label: str
    send: str
    stop: str
    new_chat: str
    mode: str
    modes: dict[str, str]
    empty_title: str
    empty_steps: tuple[str, str, str]
    searching: str
    loading: str
    thinking: str
    thought: str
    finish: dict[FinishReason, str]
    no_words: str
    no_chat_model: str
    copy: str
    copied: str
    stats_first: str
    stats_speed: str
    stats_retrieval: str
    stats_prompt: str
    stats_cached: str
    failed: str
    no_embedder: str
    preparing: str
    # evidence
    evidence: str
    evidence_empty: str
    evidence_none: str
    evidence_for: str
    page: str
    quoted: str
    # login
    login_title: str
    password: str
    login: str
    wrong_password: str
    too_many: str
    logout: str


ENGLISH = Strings(
    html_lang="en",
    library="Library",
    knowledge_base="Knowledge base",
    new="New…",
    new_name="Name of the new knowledge base",
    create="Create",
    manage="Where it is, and how to delete it",
    folder="Folder on this computer",
    models="Models",
    delete_kb="Delete this knowledge base…",
    delete_kb_warning="“{name}” with its {count} documents and the files dropped here will be gone"
    " for good. Files elsewhere on the disk stay where they are.",
    delete_kb_confirm="Delete for good",
    keep="Keep",
    created="“{name}” is made. Drop files into it.",
    deleted_kb="“{name}” is deleted.",
    upload="Add documents",
    drop="Drop files here, or click to choose",
    sending="being sent",
    too_large="This file is larger than {limit} MiB. Split it into parts.",
    no_room="There is no room for this file. Wait until the files before it have been read, or free"
    " some space on the disk; then drop it again.",
    too_many_files="Too many files are being sent. Wait until they are done, then drop it again.",
    not_sent="The file did not arrive. Check that it can still be opened and that ragapp runs, then"
    " drop it again.",
    stop_ingest="Stop",
    documents="Documents",
    no_documents="Nothing here yet. Drop files above to begin.",
    more_documents="and {count} more",
    more_files="and {count} more files",
    run_files="{done} of {total} files",
    run_pace=" · {per_s} passages a second",
    run_minutes=" · about {amount} min left",
    run_seconds=" · about {amount} s left",
    document_line="{chunks} passages",
    document_line_pages="{pages} pages, {chunks} passages",
    delete="Delete",
    delete_confirm="Delete “{name}”?",
    removed="“{name}” is deleted.",
    removed_kept_file="“{name}” is out of the knowledge base; the file itself stays at {path}",
    undo="Undo",
    too_late_to_undo="It is too late to undo this. Add the file again.",
    coming_back="“{name}” is being read again.",
    gone_already="This list was out of date: that document is not there. Nothing was deleted.",
    busy="Files are being worked on. Wait until they are done, or stop them, then try again.",
    stages={
        Stage.PARSING: "parsing",
        Stage.CHUNKING: "chunking",
        Stage.EMBEDDING: "embedding",
        Stage.INDEXING: "indexing",
        Stage.DONE: "done",
        Stage.FAILED: "failed",
    },
    queued="waiting",
    stopped="stopped",
    clear="Clear this list",
    statuses={
        "updated": "updated in place of the earlier version",
        "unchanged": "was here already, unchanged",
        "duplicate": "the same content is here already under another name",
        "renamed": "was here already, now under this name",
        "cancelled": "not added",
    },
    chat="Questions",
    ask_placeholder="Ask your documents…",
    ask_label="Question",
    send="Ask",
    stop="Stop",
    new_chat="New conversation",
    mode="Answers",
    modes={"auto": "Automatic", "generate": "In the model's words", "quotes": "Quotations only"},
    empty_title="Ask your own documents",
    empty_steps=(
        "Choose a knowledge base, or make one.",
        "Drop files into it and watch them being read.",
        "Ask. Every numbered mark in an answer leads to the sentence behind it.",
    ),
    searching="Searching your documents…",
    loading="Loading the models…",
    thinking="Reading the evidence…",
    thought="What the model thought first",
    finish={
        FinishReason.LENGTH: "Cut off: the answer reached its greatest length.",
        FinishReason.CANCELLED: "Stopped by you.",
        FinishReason.QUOTED: "Quoted from your documents, word for word.",
        FinishReason.CATALOGUE: "From the list of your documents; no model was asked.",
        FinishReason.COMPUTED: "Computed from your documents; no model was asked.",
    },
    no_words="The model gave no answer. The evidence may still hold it.",
    no_chat_model="There is no chat model on this computer, so answers are quotations. To get one"
    " run: {command}",
    copy="Copy",
    copied="Copied",
    stats_first="first word after {seconds} s",
    stats_speed="{rate} tokens/s",
    stats_retrieval="search took {seconds} s",
    stats_prompt="prompt {tokens} tokens",
    stats_cached="prompt {tokens} tokens, {cached} of them remembered",
    failed="That did not work",
    no_embedder="Documents cannot be read or searched yet: the embedding model is not on this"
    " computer. Run: {command}",
    preparing="Getting the models ready… you can look around meanwhile.",
    evidence="Evidence",
    evidence_empty="What an answer rests on appears here at once, before the first word of it.",
    evidence_none="Nothing in the documents came close enough to this question.",
    evidence_for="For: {question}",
    page="p. {number}",
    quoted="cited",
    login_title="This page is for people who know its password",
    password="Password",  # noqa: S106 - the word, not one
    login="Open",
    wrong_password="That is not the password.",  # noqa: S106
    too_many="Too many attempts. Wait {seconds} s.",
    logout="Log out",
)

CHINESE = Strings(
    html_lang="zh",
    library="资料库",
    knowledge_base="知识库",
    new="新建…",
    new_name="新知识库的名称",
    create="创建",
    manage="存放位置与删除",
    folder="本机文件夹",
    models="模型",
    delete_kb="删除此知识库…",
    delete_kb_warning="“{name}”及其中 {count} 个文档、拖到此处的文件都将永久删除。"
    "磁盘上其他位置的原文件不受影响。",
    delete_kb_confirm="永久删除",
    keep="保留",
    created="已创建“{name}”，现在可以拖入文件。",
    deleted_kb="已删除“{name}”。",
    upload="添加文档",
    drop="把文件拖到这里，或点击选择",
    sending="正在上传",
    too_large="此文件超过 {limit} MiB，请拆分后再试。",
    no_room="空间不足，无法接收此文件。请等前面的文件处理完，或清理磁盘空间，然后重新拖入。",
    too_many_files="正在上传的文件太多。请等它们完成后再重新拖入。",
    not_sent="文件没有传到。请确认文件仍可打开、ragapp 仍在运行，然后重新拖入。",
    stop_ingest="停止",
    documents="文档",
    no_documents="还没有文档。把文件拖到上方即可开始。",
    more_documents="还有 {count} 个",
    more_files="还有 {count} 个文件",
    run_files="{total} 个文件已完成 {done} 个",
    run_pace=" · 每秒 {per_s} 段",
    run_minutes=" · 约剩 {amount} 分钟",
    run_seconds=" · 约剩 {amount} 秒",
    document_line="{chunks} 段",
    document_line_pages="{pages} 页，{chunks} 段",
    delete="删除",
    delete_confirm="删除“{name}”？",
    removed="已删除“{name}”。",
    removed_kept_file="“{name}”已移出知识库；文件本身仍在 {path}",
    undo="撤销",
    too_late_to_undo="已无法撤销，请重新添加文件。",
    coming_back="正在重新读入“{name}”。",
    gone_already="列表已过时：该文档已不在其中，没有删除任何内容。",
    busy="正在处理文件。请等处理完成或先停止，然后再试。",
    stages={
        Stage.PARSING: "解析",
        Stage.CHUNKING: "分段",
        Stage.EMBEDDING: "向量化",
        Stage.INDEXING: "建立索引",
        Stage.DONE: "完成",
        Stage.FAILED: "失败",
    },
    queued="等待中",
    stopped="已停止",
    clear="清空列表",
    statuses={
        "updated": "已更新，替换了旧版本",
        "unchanged": "早已收录，内容未变",
        "duplicate": "相同内容已以其他名称收录",
        "renamed": "早已收录，现改用此名称",
        "cancelled": "未添加",
    },
    chat="问答",
    ask_placeholder="向您的文档提问…",
    ask_label="问题",
    send="提问",
    stop="停止",
    new_chat="新对话",
    mode="回答方式",
    modes={"auto": "自动", "generate": "由模型作答", "quotes": "只引用原文"},
    empty_title="向自己的文档提问",
    empty_steps=(
        "选择一个知识库，或新建一个。",
        "把文件拖进去，看着它们被逐个读入。",
        "提问。回答中的每个编号都指向它所依据的原句。",
    ),
    searching="正在检索您的文档…",
    loading="正在加载模型…",
    thinking="正在阅读依据…",
    thought="模型先想了什么",
    finish={
        FinishReason.LENGTH: "回答达到长度上限，已截断。",
        FinishReason.CANCELLED: "已由您停止。",
        FinishReason.QUOTED: "以上为文档原句，一字未改。",
        FinishReason.CATALOGUE: "依据您的文档目录回答，未使用模型。",
        FinishReason.COMPUTED: "由您文档中的数据计算得出，未使用模型。",
    },
    no_words="模型没有给出回答，答案可能仍在依据之中。",
    no_chat_model="本机还没有对话模型，因此只引用原文。获取模型请运行：{command}",
    copy="复制",
    copied="已复制",
    stats_first="{seconds} 秒出首字",
    stats_speed="每秒 {rate} 词元",
    stats_retrieval="检索用时 {seconds} 秒",
    stats_prompt="提示 {tokens} 词元",
    stats_cached="提示 {tokens} 词元，其中 {cached} 个沿用缓存",
    failed="没有成功",
    no_embedder="暂时无法读取和检索文档：本机还没有向量模型。请运行：{command}",
    preparing="正在准备模型……您可以先看看页面。",
    evidence="依据",
    evidence_empty="提问后，回答所依据的原文会立即显示在这里，早于回答的第一个字。",
    evidence_none="文档中没有与这个问题足够接近的内容。",
    evidence_for="问题：{question}",
    page="第 {number} 页",
    quoted="被引用",
    login_title="请输入密码后使用",
    password="密码",  # noqa: S106
    login="进入",
    wrong_password="密码不对。",  # noqa: S106
    too_many="尝试次数过多，请等待 {seconds} 秒。",
    logout="退出登录",
)

STRINGS: dict[str, Strings] = {"zh": CHINESE, "en": ENGLISH}
