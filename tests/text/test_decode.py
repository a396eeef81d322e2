"""Encodings are found from the bytes alone, also in files of a few dozen bytes."""

import pytest

from ragapp.errors import BrokenDocument
from ragapp.text.decode import decode

SIMPLIFIED = (
    "公司员工每年享有十天带薪年假。",
    "本协议自双方签字之日起生效，有效期三年。",
    "请在“设置”里选择语言，然后重新启动程序！",
    "数据库的备份每天凌晨两点自动进行；失败时会发送邮件。",
    "价格：１２８元（含税），货到付款。",
)
TRADITIONAL = (
    "本公司員工每年享有十天帶薪年假。",
    "臺北市位於臺灣北部，是中華民國的首都。",
    "請在「設定」裡選擇語言，然後重新啟動程式！",
    "資料庫的備份每天凌晨兩點自動進行；失敗時會寄送郵件。",
    "價格：１２８元（含稅），貨到付款。",
)
ENGLISH = ("Plain English text, nothing else.\n", "A café in Zürich – “naïve”, isn’t it?")


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le", "utf-16-be"]
)
@pytest.mark.parametrize("text", SIMPLIFIED)
def test_simplified_chinese(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding), "a.txt").text == text


@pytest.mark.parametrize(
    "encoding", ["utf-8", "big5", "cp950", "gb18030", "utf-16", "utf-16-le", "utf-16-be"]
)
@pytest.mark.parametrize("text", TRADITIONAL)
def test_traditional_chinese(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding), "a.txt").text == text


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16", "utf-16-le", "utf-32"])
@pytest.mark.parametrize("text", ENGLISH)
def test_english(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding), "a.txt").text == text


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8"])
def test_characters_outside_the_old_standards(encoding: str) -> None:
    text = "㐂𠮷囍喆，这些字在GB18030里占四个字节。" * 3
    assert decode(text.encode(encoding), "a.txt").text == text


def test_a_character_cut_at_the_end_of_the_sample_does_no_harm() -> None:
    for shift in range(4):
        text = "x" * shift + "员工每年享有十天带薪年假，病假另算。" * 3000
        assert decode(text.encode("gb18030"), "a.txt").text == text


def test_a_damaged_byte_in_a_long_file_costs_one_character() -> None:
    data = bytearray(("员工每年享有十天带薪年假。" * 200).encode())
    data[3000] = 0xFF
    decoded = decode(bytes(data), "a.txt")
    assert decoded.encoding == "utf-8"
    assert 1 <= decoded.damaged <= 3
    assert "带薪年假" in decoded.text


@pytest.mark.parametrize(
    "data",
    [
        bytes(range(256)) * 4,
        b"\x7fELF\x02\x01\x01" + bytes(57) + b"\x01\x02\x03text" * 9,
        b"\0\0\0\0" * 64,
        b"\xff\xfe\x00\xd8\x00\xd8" * 20,
    ],
)
def test_binary_is_refused(data: bytes) -> None:
    with pytest.raises(BrokenDocument, match="not text"):
        decode(data, "a.txt")


OTHERS = (
    ("国内出張の日当は一日につき二千五百円です。", ("cp932", "euc_jp")),
    ("データベースのバックアップは毎日行われます。", ("cp932", "euc_jp")),
    ("회사 직원은 매년 열흘의 유급 휴가를 받습니다.", ("cp949",)),
    ("Порт открывается каждый день в семь часов утра.", ("cp1251", "koi8-r")),
    ("Die Prüfung der Geräte übernimmt künftig Herr Müller in Größenwörth.", ("cp1252",)),
    ("L’été dernier, le congé payé a été accordé à tous les élèves.", ("cp1252",)),
    ("El niño comió mañana; ¿qué pasó con la señal?", ("cp1252",)),
    ("The gauge is read at noon. 备注：证书由吴淞站保管。 Closed on Sunday.", ("gb18030",)),
    ("Part list: 轴承 and 齿轮, see page 4.", ("gb18030",)),
)


@pytest.mark.parametrize(
    ("text", "encoding"), [(text, encoding) for text, all_ in OTHERS for encoding in all_]
)
def test_other_languages(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding), "a.txt").text == text
