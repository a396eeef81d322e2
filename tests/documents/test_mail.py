"""Mails: who wrote what to whom, and what came with it."""

from email.message import EmailMessage

import pytest

from ragapp.documents.parse import choose_format
from ragapp.documents.readers.mail import eml, mhtml, msg
from ragapp.errors import BrokenDocument

from .ole_files import ole_file
from .samples import docx
from .samples import mhtml as saved_page


def mail(body: str = "Hello.", subject: str = "报价 Offer") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"] = "王敏 <wang@example.org>", "lee@example.org"
    message["Subject"], message["Date"] = subject, "Mon, 02 Nov 2026 10:00:00 +0800"
    message.set_content(body)
    return message


def test_heads_and_body_are_said() -> None:
    extract = eml.read(mail("单价 12 元。\n\n明天到货。\n").as_bytes(), "a.eml")
    assert extract.text == (
        "报价 Offer\n\nFrom: 王敏 <wang@example.org>\nTo: lee@example.org\n"
        "Date: Mon, 02 Nov 2026 10:00:00 +0800\n\n单价 12 元。\n\n明天到货。"
    )
    assert extract.headings[0].title == "报价 Offer"


def test_attachments_are_read_by_their_kind_and_named() -> None:
    message = mail()
    message.add_attachment(docx(), maintype="application", subtype="x", filename="港口.docx")
    message.add_attachment(b"\0\1\2", maintype="application", subtype="x", filename="tool.exe")
    extract = eml.read(message.as_bytes(), "a.eml")
    assert "The harbour opens at seven." in extract.text
    assert "港口.docx" in [heading.title for heading in extract.headings]
    (note,) = extract.notes
    assert note.code == "members_not_read"
    assert note.values == {"count": 1, "names": "tool.exe"}


def test_a_page_is_read_where_it_holds_a_table() -> None:
    message = mail("Part Qty a 1")
    message.add_alternative(
        "<table><tr><th>Part<th>Qty</tr><tr><td>a<td>1</tr></table>", subtype="html"
    )
    assert "Part: a | Qty: 1" in eml.read(message.as_bytes(), "a.eml").text


def test_a_mail_within_a_mail_is_read() -> None:
    outer = mail("See below.", "Fwd")
    outer.add_attachment(mail("The key is under the mat."))
    assert "The key is under the mat." in eml.read(outer.as_bytes(), "a.eml").text


def test_wrong_encodings_are_found_out() -> None:
    raw = (
        b"From: a@example.org\nSubject: x\nContent-Type: text/plain; charset=utf-8\n"
        b"Content-Transfer-Encoding: 8bit\n\n" + "合同已经签好，请查收附件。".encode("gb18030")
    )
    assert "合同已经签好" in eml.read(raw, "a.eml").text


def test_mails_within_mails_come_to_an_end() -> None:
    message = mail("The innermost.")
    for _ in range(30):
        outer = mail("Outer.")
        outer.add_attachment(message)
        message = outer
    extract = eml.read(message.as_bytes(), "a.eml")
    assert "Outer." in extract.text


def test_saved_pages_are_read_like_pages() -> None:
    text = mhtml.read(saved_page(), "a.mht").text
    assert "Berth: A4 | Depth: 8 m" in text
    with pytest.raises(BrokenDocument, match="no web page"):
        mhtml.read(mail().as_bytes(), "a.mht")


def outlook(**more: object) -> bytes:
    def wide(text: str) -> bytes:
        return text.encode("utf-16-le")

    return ole_file(
        {
            "__properties_version1.0": bytes(32),
            "__substg1.0_0037001F": wide("报价 Offer"),
            "__substg1.0_0C1A001F": wide("王敏"),
            "__substg1.0_0E04001E": b"lee@example.org",
            "__substg1.0_1000001F": wide("单价 12 元。\r\n\r\n明天到货。"),
            "__attach_version1.0_#00000000": {
                "__substg1.0_3707001F": wide("words.txt"),
                "__substg1.0_37010102": b"Attached words." + b" " * 4096,
            },
        }
        | more
    )


def test_outlook_mails_are_read_with_what_is_attached() -> None:
    made = outlook()
    assert choose_format(made, "a.msg") is msg.FORMAT
    assert msg.read(made, "a.msg").text == (
        "报价 Offer\n\nFrom: 王敏\nTo: lee@example.org\n\n单价 12 元。\n\n明天到货。\n\n"
        "words.txt\n\nAttached words."
    )


def test_torn_outlook_mails_are_damaged() -> None:
    with pytest.raises(BrokenDocument, match="damaged"):
        msg.read(outlook()[:3000], "a.msg")


def test_a_date_that_is_none_is_shown_as_it_stands() -> None:
    mail = b"Subject: Tides\nDate: Mon, 99 Jan 99999999999 10:00:00\nFrom: a@b\n\nThe tide comes.\n"
    text = eml.read(mail, "a.eml").text
    assert "The tide comes." in text
    assert "99 Jan 99999999999" in text
