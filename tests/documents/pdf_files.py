"""PDF files for the tests, English by fpdf2 and Chinese by hand, so that no font is needed."""

import io
from collections.abc import Sequence

from fpdf import FPDF

A4 = (595, 842)


def english_pdf(
    pages: Sequence[Sequence[tuple[str, float]]],
    *,
    header: str = "",
    footer: str = "",
    bookmarks: Sequence[tuple[int, str, int]] = (),
    password: str | None = None,
    user_password: str = "",
) -> bytes:
    """Set (paragraph, font size) blocks on pages; ``{page}`` in the footer is the page's number."""
    pdf = FPDF(format="A4", unit="pt")
    pdf.set_auto_page_break(False)
    if password is not None:
        pdf.set_encryption(owner_password=password, user_password=user_password)
    for number, blocks in enumerate(pages, 1):
        pdf.add_page()
        for level, title, page in bookmarks:
            if page == number:
                pdf.start_section(title, level=level)
        if header:
            pdf.set_font("Helvetica", size=9)
            pdf.text(60, 40, header)
        pdf.set_y(80)
        for text, size in blocks:
            pdf.set_font("Times", size=size)
            pdf.set_x(60)
            pdf.multi_cell(
                w=300, h=size * 1.25, text=text, align="L", new_x="LMARGIN", new_y="NEXT"
            )
            pdf.ln(size)
        if footer:
            pdf.set_font("Helvetica", size=9)
            pdf.text(280, 820, footer.format(page=number))
    return bytes(pdf.output())


def chinese_pdf(pages: Sequence[Sequence[tuple[float, float, float, str]]]) -> bytes:
    """Set (x, y, size, text) lines in a font of the reader's own, which PDF names but not holds."""
    objects: list[bytes] = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"",  # the page tree, once the pages are numbered
        b"<< /Type /Font /Subtype /Type0 /BaseFont /STSong-Light /Encoding /UniGB-UCS2-H"
        b" /DescendantFonts [4 0 R] >>",
        b"<< /Type /Font /Subtype /CIDFontType0 /BaseFont /STSong-Light /CIDSystemInfo"
        b" << /Registry (Adobe) /Ordering (GB1) /Supplement 2 >> /DW 1000"
        b" /FontDescriptor 5 0 R >>",
        b"<< /Type /FontDescriptor /FontName /STSong-Light /Flags 6 /FontBBox [0 -200 1000 900]"
        b" /ItalicAngle 0 /Ascent 800 /Descent -200 /CapHeight 800 /StemV 80 >>",
    ]
    kids = []
    for lines in pages:
        content = b"\n".join(
            b"BT /F1 %.1f Tf 1 0 0 1 %.1f %.1f Tm <%s> Tj ET"
            % (size, x, y, text.encode("utf-16-be").hex().encode())
            for x, y, size, text in lines
        )
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content))
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %d %d] /Contents %d 0 R"
            b" /Resources << /Font << /F1 3 0 R >> >> >>" % (*A4, len(objects))
        )
        kids.append(b"%d 0 R" % len(objects))
    objects[1] = b"<< /Type /Pages /Count %d /Kids [%s] >>" % (len(kids), b" ".join(kids))
    return _file(objects)


def mapped_pdf(lines: Sequence[tuple[float, float, str]], *, apart: bool) -> bytes:
    """Set (x, y, text) lines letter after letter from the left in a font whose letters are mapped.

    apart: each letter is set for itself.
    """
    letters = sorted({letter for *_, text in lines for letter in text})
    codes = {letter: b"%02X" % number for number, letter in enumerate(letters, 33)}
    pairs = b" ".join(b"<%s> <%04X>" % (codes[letter], ord(letter)) for letter in letters)
    mapping = (
        b"/CIDInit /ProcSet findresource begin begincmap 1 begincodespacerange <00> <FF>"
        b" endcodespacerange %d beginbfchar %s endbfchar endcmap end" % (len(letters), pairs)
    )
    parts = [
        (x + 6 * place, y, part)
        for x, y, text in lines
        for place, part in (enumerate(text) if apart else [(0, text)])
    ]
    content = b"\n".join(
        b"BT /F1 12 Tf 1 0 0 1 %.1f %.1f Tm <%s> Tj ET"
        % (x, y, b"".join(codes[letter] for letter in part))
        for x, y, part in parts
    )
    return _file(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Count 1 /Kids [6 0 R] >>",
            b"<< /Type /Font /Subtype /Type1 /BaseFont /Courier /FirstChar 33 /LastChar 128"
            b" /Widths [%s] /ToUnicode 4 0 R >>" % b" ".join([b"500"] * 96),
            b"<< /Length %d >>\nstream\n%s\nendstream" % (len(mapping), mapping),
            b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %d %d] /Contents 5 0 R"
            b" /Resources << /Font << /F1 3 0 R >> >> >>" % A4,
        ]
    )


def _file(objects: Sequence[bytes]) -> bytes:
    """Write objects, the first of them the catalogue, as a file."""
    file = io.BytesIO()
    file.write(b"%PDF-1.4\n")
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(file.tell())
        file.write(b"%d 0 obj\n%s\nendobj\n" % (number, body))
    table = file.tell()
    file.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    file.writelines(b"%010d 00000 n \n" % offset for offset in offsets)
    file.write(b"trailer << /Size %d /Root 1 0 R >>\n" % (len(objects) + 1))
    file.write(b"startxref\n%d\n%%%%EOF\n" % table)
    return file.getvalue()
