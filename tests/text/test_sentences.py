"""Where sentences end, in Chinese, in English, and in both at once."""

import random
import time

import pytest

from ragapp.text.sentences import LONGEST_SENTENCE, sentence_spans


def sentences(text: str) -> list[str]:
    return [text[span.start : span.end] for span in sentence_spans(text)]


def cut(marked: str) -> tuple[str, list[str]]:
    """Read an expectation: ‖ stands where a sentence must end, and nowhere else."""
    return marked.replace("‖", ""), [part.strip() for part in marked.split("‖")]


@pytest.mark.parametrize(
    "marked",
    [
        "今天下雨。‖我们不出门！‖你呢？‖好吧；‖就这样。",
        "他说：“我不去。”‖然后他走了。",
        "他说：「我不去。」‖然後他走了。",
        "（本条自公布之日起施行。）‖下一条另行规定。",
        "《通知》发布了！！‖真的吗？！‖真的。",
        "“好！”的喊声此起彼伏。‖会议结束。",
        "圆周率约为3.14，不是3.15。‖版本号是v2.0.1。",
        "价格为１２．５元。‖请付款。",
        "他想了想……‖还是走了。",
        "他想了想……，还是走了。",
        "这是第一句.‖这是第二句.‖完",
        "请使用Node.js和Vue.js开发。‖详见README.md。",
        "請問您要什麼?‖我要咖啡!‖謝謝。",
    ],
)
def test_chinese(marked: str) -> None:
    text, expected = cut(marked)
    assert sentences(text) == expected


@pytest.mark.parametrize(
    "marked",
    [
        "It rains. ‖We stay at home! ‖Do you? ‖Yes.",
        "Dr. Smith met Mrs. Jones at 5 p.m. on Monday. ‖They talked.",
        "See Fig. 3 and Eq. (2), e.g. the third term, i.e. the last one. ‖Then stop.",
        "Vaswani et al. proposed it. ‖It works.",
        "He lives in the U.S. ‖He is happy.",
        "The U.S. Army was there. ‖It left.",
        "J. K. Rowling wrote it. ‖George R. R. Martin did not.",
        "Pi is 3.14 and version v2.0 is out. ‖Upgrade to 2.1.3 now.",
        "Open https://example.org/a.b?c=d.e and read setup.py. ‖Done.",
        "I wondered... and then I knew. ‖It was late.",
        "It was late... ‖The end.",
        '"Why?" he asked. ‖"Because." ‖She left.',
        "She said (quietly.) ‖He nodded.",
        "Is a != b? ‖No. ‖It is not.",
        "We sell pens, paper, etc. ‖The shop is open.",
        "See No. 5 on p. 12 of vol. 3. ‖It is there.",
        "Table 3.1. Boot loaders",
        "3. Install the package. ‖Then reboot.",
        "Networks ... 12",
        "Networks . . . . . . . . . . 12",
        "Google Inc. bought it. ‖Yahoo! did not.",
    ],
)
def test_english(marked: str) -> None:
    text, expected = cut(marked)
    assert sentences(text) == expected


@pytest.mark.parametrize(
    "marked",
    [
        "我们使用 PyTorch 2.0。‖It is fast. ‖很好！‖See Fig. 2 for details.",
        "根据 Smith et al. (2020) 的研究，效果提升了 3.5%。‖详见 Sec. 4.2。",
        "运行 python main.py。‖Then open http://127.0.0.1:7860/ in a browser. ‖结束。",
    ],
)
def test_both_languages_in_one_paragraph(marked: str) -> None:
    text, expected = cut(marked)
    assert sentences(text) == expected


def test_headings_items_and_rows_are_sentences_of_their_own() -> None:
    text = "第一章 总则\n\n适用范围如下\n- 员工\n- 访客\n\n名称 | 数量\n纸 | 3"
    expected = ["第一章 总则", "适用范围如下", "- 员工", "- 访客", "名称 | 数量", "纸 | 3"]
    assert sentences(text) == expected


def test_lines_wrapped_by_hand_belong_together() -> None:
    text = (
        "The quick brown fox jumps over the lazy dog, and nobody in\n"
        "the village remembers why it did so on that particular day.\n"
        "But the dog does."
    )
    assert sentences(text) == [
        "The quick brown fox jumps over the lazy dog, and nobody in\n"
        "the village remembers why it did so on that particular day.",
        "But the dog does.",
    ]


def test_chinese_lines_wrapped_by_hand_belong_together() -> None:
    text = "本办法适用于公司全体员工，包括正式员工、试用期员工以及实习\n生。解释权归人力资源部。"
    assert sentences(text) == [
        "本办法适用于公司全体员工，包括正式员工、试用期员工以及实习\n生。",
        "解释权归人力资源部。",
    ]


def test_code_lines_stay_apart() -> None:
    text = "def greet(name: str, greeting: str = 'hello') -> None:\n    print(name)\n    return"
    assert len(sentences(text)) == 3


def test_a_part_of_the_text_gives_offsets_into_the_whole() -> None:
    text = "第一句。第二句。第三句。"
    spans = sentence_spans(text, 4, 8)
    assert [(span.start, span.end) for span in spans] == [(4, 8)]


def test_nothing_in_nothing_out() -> None:
    assert sentence_spans("") == []
    assert sentence_spans(" \n\t\u3000\n ") == []


def test_spans_are_trimmed_ordered_and_lose_nothing() -> None:
    rng = random.Random(7)
    alphabet = "中文字，。！？；：“”（）「」…、 \n\tabcXYZ .!?,;:'\"()[]-|#*0123456789e.g.\u3000"
    for _ in range(500):
        text = "".join(rng.choices(alphabet, k=rng.randrange(200)))
        spans = sentence_spans(text)
        covered = set()
        position = 0
        for span in spans:
            assert position <= span.start < span.end <= len(text)
            assert text[span.start : span.end] == text[span.start : span.end].strip()
            covered.update(range(span.start, span.end))
            position = span.end
        assert {i for i, character in enumerate(text) if not character.isspace()} <= covered


def test_a_dump_without_an_end_is_cut_at_commas() -> None:
    text = "、".join(f"项目{number}" for number in range(500))
    found = sentences(text)
    assert max(map(len, found)) <= LONGEST_SENTENCE
    assert all(part.endswith("、") for part in found[:-1])


@pytest.mark.parametrize(
    "piece", ["中", "a", ".", "。", "! ", "a.", "\n", " ", "(", "e.g. ", "”", "字字\n"]
)
def test_time_is_linear_in_the_length(piece: str) -> None:
    def seconds(length: int) -> float:
        """The quickest of three, in processor time: what else runs here is not the splitter's."""
        text, taken = (piece * length)[:length], []
        for _ in range(3):
            begin = time.process_time()
            sentence_spans(text)
            taken.append(time.process_time() - begin)
        return min(taken)

    assert seconds(1_000_000) < 12 * max(seconds(200_000), 0.02)  # quadratic would be 25
