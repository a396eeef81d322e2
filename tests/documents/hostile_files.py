"""Small files made to freeze or to bloat whoever reads them, for the tests."""

import io
import struct
import zipfile
import zlib

import docx

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def nested_forms_pdf(depth: int, width: int) -> bytes:
    """Build a page that shows a form ``width`` times, which shows another ``width`` times, …"""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 5 0 R"
        b" /Resources << /XObject << /F 6 0 R >> >> >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    shown = b"/F Do " * width
    objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(shown), shown))
    for level in range(depth):
        last = level == depth - 1
        content = b"BT /F1 12 Tf 50 700 Td (deep) Tj ET" if last else shown
        inner = b"" if last else b"/XObject << /F %d 0 R >>" % (7 + level)
        objects.append(
            b"<< /Type /XObject /Subtype /Form /BBox [0 0 600 800] /Length %d"
            b" /Resources << /Font << /F1 4 0 R >> %s >> >>\nstream\n%s\nendstream"
            % (len(content), inner, content)
        )
    file = io.BytesIO(b"%PDF-1.4\n")
    file.seek(0, io.SEEK_END)
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


def docx_of(body: bytes, repeated: int = 1) -> bytes:
    """Build a Word document whose body is ``body``, ``repeated`` times, without holding it."""
    empty = io.BytesIO()
    docx.Document().save(empty)
    file = io.BytesIO()
    with zipfile.ZipFile(empty) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for member in old.infolist():
            if member.filename != "word/document.xml":
                new.writestr(member.filename, old.read(member))
        with new.open("word/document.xml", "w") as part:
            part.write(b'<w:document xmlns:w="%s"><w:body>' % WORD.encode())
            piece = body * max(1, min(repeated, (1 << 20) // len(body)))
            for _ in range(max(1, repeated * len(body) // len(piece))):
                part.write(piece)
            part.write(b"</w:body></w:document>")
    return file.getvalue()


def docx_with_member(method: int, size: int, stated: int) -> bytes:
    """Build a Word document with a member of ``size`` zeros that states ``stated`` as its size."""
    file = io.BytesIO(docx_of(b"<w:p><w:r><w:t>text</w:t></w:r></w:p>"))
    with zipfile.ZipFile(file, "a", method) as archive:
        archive.writestr("word/media/zeros.bin", bytes(size))
    data = bytearray(file.getvalue())
    for mark, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        start = data.rfind(mark)
        struct.pack_into("<I", data, start + offset, stated)
        struct.pack_into("<I", data, start + offset - 8, zlib.crc32(bytes(stated)))
    return bytes(data)


def text_boxes_docx(depth: int) -> bytes:
    """Build a Word document of text boxes within text boxes."""
    inner = b"<w:p><w:r><w:t>deep</w:t></w:r></w:p>"
    for _ in range(depth):
        inner = b"<w:p><w:r><w:txbxContent>" + inner + b"</w:txbxContent></w:r></w:p>"
    return docx_of(inner)
