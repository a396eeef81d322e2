"""Build the PDF and DOCX files of sample_docs/ from the Markdown beside this script.

    python assets/sample_docs_src/build.py [--cjk-font FILE.ttc]

Fonts, all from Debian, all licensed for embedding; the PDFs carry only the glyphs they use:
- Liberation 2 (fonts-liberation), SIL Open Font License 1.1;
- WenQuanYi Micro Hei (fonts-wqy-microhei), Apache License 2.0. A TrueType font on purpose:
  from fpdf2's CFF fonts, Noto Sans CJK among them, pypdf extracts a space after every character.
"""

import argparse
import io
import unicodedata
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from docx import Document
from docx.oxml.ns import qn
from docx.shared import Pt
from fpdf import FPDF, XPos, YPos
from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

SOURCES = Path(__file__).parent
OUTPUT = SOURCES.parents[1] / "sample_docs"
LIBERATION = Path("/usr/share/fonts/truetype/liberation")
MICRO_HEI = Path("/usr/share/fonts/truetype/wqy/wqy-microhei.ttc")
BUILT = datetime(2026, 1, 1, tzinfo=UTC)  # fixed, so that an unchanged source rebuilds unchanged

BODY, CODE, TABLE = 11, 10, 9.5  # font sizes in points
HEADING_SIZES = {1: 20, 2: 15, 3: 12}
HEADING_COLOUR = (31, 56, 100)
LINE = 1.55  # line height in font sizes
MM = 25.4 / 72  # one point in millimetres

# Kinsoku shori: what may not begin, and what may not end, a line of Chinese.
NOT_FIRST = set("，。、；：！？）》」』”’…—·％%,.;:!?)]}")
NOT_LAST = set("（《「『“‘([{")


@dataclass(frozen=True)
class Block:
    """A piece of the source; ``kind`` is h1, h2, h3, text, item, code or table."""

    kind: str
    text: str = ""
    rows: tuple[tuple[str, ...], ...] = ()
    number: int | None = None


def blocks_of(source: str) -> list[Block]:
    """Read Markdown into a flat list of blocks; inline marks are dropped, their text kept."""
    markdown = MarkdownIt("commonmark").enable("table")
    blocks: list[Block] = []
    for node in SyntaxTreeNode(markdown.parse(source)).children:
        if node.type == "heading":
            blocks.append(Block(node.tag, plain(node)))
        elif node.type == "fence":
            blocks.append(Block("code", node.content.rstrip("\n")))
        elif node.type == "table":
            rows = tuple(
                tuple(plain(cell) for cell in row.children)
                for row in node.walk()
                if row.type == "tr"
            )
            blocks.append(Block("table", rows=rows))
        elif node.type in ("bullet_list", "ordered_list"):
            ordered = node.type == "ordered_list"
            blocks += [
                Block("item", plain(item), number=number if ordered else None)
                for number, item in enumerate(node.children, start=1)
            ]
        else:
            blocks.append(Block("text", plain(node)))
    return blocks


def plain(node: SyntaxTreeNode) -> str:
    """Return the text below a node without its marks."""
    return "".join(
        " " if part.type == "softbreak" else part.content
        for part in node.walk()
        if part.type in ("text", "code_inline", "softbreak")
    )


def is_cjk(char: str) -> bool:
    """Say whether a line may be broken next to ``char``."""
    return unicodedata.east_asian_width(char) in "WF" or char in "“”‘’…—"


def words_of(text: str) -> list[str]:
    """Cut into pieces that a line break may not divide."""
    words = [""]
    for char in text:
        before = words[-1][-1:]
        joined = (
            not before
            or char in NOT_FIRST
            or before in NOT_LAST
            or not (is_cjk(char) or is_cjk(before) or before == " ")
        )
        if joined:
            words[-1] += char
        else:
            words.append(char)
    return words


class Paper(FPDF):
    """An A4 document with an outline and a running footer."""

    def __init__(self, title: str, chinese: bool, cjk_font: Path) -> None:
        super().__init__(format="A4")
        self.chinese = chinese
        self.running_title = title
        if chinese:
            for family in ("body", "head", "code"):
                self.add_font(family, "", cjk_font)
        else:
            self.add_font("body", "", LIBERATION / "LiberationSerif-Regular.ttf")
            self.add_font("head", "", LIBERATION / "LiberationSans-Bold.ttf")
            self.add_font("code", "", LIBERATION / "LiberationMono-Regular.ttf")
        self.set_title(title)
        self.set_lang("zh-CN" if chinese else "en")
        self.set_creation_date(BUILT)
        self.set_margins(24, 22, 24)
        self.set_auto_page_break(True, margin=24)
        self.add_page()

    def footer(self) -> None:
        """Print the title and the page number."""
        self.set_y(-15)
        self.set_font("body", size=9)
        self.set_text_color(110)
        page = self.page_no()
        mark = f"第 {page} 页" if self.chinese else f"Page {page}"
        self.cell(self.epw / 2, 5, self.running_title)
        self.cell(self.epw / 2, 5, mark, align="R")
        self.set_text_color(0)

    def lines_of(self, text: str, width: float) -> list[str]:
        """Wrap to ``width`` millimetres in the current font."""
        lines = [""]
        width -= 2 * self.c_margin
        for word in words_of(text):
            if lines[-1] and self.get_string_width((lines[-1] + word).rstrip()) > width:
                lines.append(word)
            else:
                lines[-1] += word
        return [line.rstrip() for line in lines]

    def write_lines(self, text: str, size: float, indent: float = 0) -> None:
        """Print wrapped text, never leaving a single first line at the foot of a page."""
        height = size * LINE * MM
        lines = self.lines_of(text, self.epw - indent)
        if len(lines) > 1 and self.will_page_break(2 * height):
            self.add_page()
        for line in lines:
            self.set_x(self.l_margin + indent)
            self.cell(0, height, line, new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def heading(self, level: int, text: str) -> None:
        """Print a heading with its outline entry, together with what follows it."""
        size = HEADING_SIZES[level]
        if self.will_page_break((size * 2.5 + BODY * LINE * 2) * MM):
            self.add_page()
        elif level > 1:
            self.ln(size * 0.5 * MM)
        self.start_section(text, level=level - 1)
        self.set_font("head", size=size)
        self.set_text_color(*HEADING_COLOUR)
        self.write_lines(text, size)
        self.set_text_color(0)
        self.ln(size * 0.25 * MM)

    def add_block(self, block: Block) -> None:
        """Print one block of the source."""
        if block.kind in ("h1", "h2", "h3"):
            self.heading(int(block.kind[1]), block.text)
            return
        if block.kind == "table":
            self.add_table(block.rows)
        elif block.kind == "code":
            self.set_font("code", size=CODE)
            lines = block.text.split("\n")
            if self.will_page_break(len(lines) * CODE * LINE * MM):
                self.add_page()
            for line in lines:
                self.write_lines(line, CODE, indent=6)
        else:
            self.set_font("body", size=BODY)
            indent = 0.0
            if block.kind == "item":
                indent = 6
                if self.will_page_break(2 * BODY * LINE * MM):
                    self.add_page()
                mark = "•" if block.number is None else f"{block.number}."
                self.cell(indent, BODY * LINE * MM, mark)
            self.write_lines(block.text, BODY, indent)
        self.ln(1.2 if block.kind == "item" else 2.6)

    def add_table(self, rows: tuple[tuple[str, ...], ...]) -> None:
        """Print a ruled table whose columns are as wide as their longest cells need."""
        self.set_font("body", size=TABLE)
        needed = [max(map(self.get_string_width, column)) + 6 for column in zip(*rows, strict=True)]
        width = min(self.epw, sum(needed))
        height = TABLE * 1.9 * MM
        if self.will_page_break(len(rows) * height):
            self.add_page()
        for number, row in enumerate(rows):
            self.set_fill_color(226, 232, 242)
            for cell, share in zip(row, needed, strict=True):
                self.cell(share * width / sum(needed), height, cell, border=1, fill=number == 0)
            self.ln(height)


def build_pdf(source: Path, chinese: bool, cjk_font: Path) -> Path:
    """Write ``source`` as a PDF of the same name."""
    blocks = blocks_of(source.read_text(encoding="utf-8"))
    paper = Paper(blocks[0].text, chinese, cjk_font)
    for block in blocks:
        paper.add_block(block)
    target = OUTPUT / f"{source.stem}.pdf"
    paper.output(str(target))
    return target


def build_docx(source: Path, chinese: bool) -> Path:
    """Write ``source`` as a Word file with Word's own heading, list and table styles."""
    document = Document()
    normal = document.styles["Normal"]
    normal.font.name = "Calibri"
    normal.font.size = Pt(BODY)
    if chinese:
        normal.element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), "微软雅黑")
    for block in blocks_of(source.read_text(encoding="utf-8")):
        if block.kind == "table":
            table = document.add_table(rows=0, cols=len(block.rows[0]), style="Light Grid Accent 1")
            for row in block.rows:
                for cell, text in zip(table.add_row().cells, row, strict=True):
                    cell.text = text
            document.add_paragraph()
        elif block.kind in ("h1", "h2", "h3"):
            document.add_heading(block.text, level=int(block.kind[1]))
        elif block.kind == "item":
            style = "List Bullet" if block.number is None else "List Number"
            document.add_paragraph(block.text, style=style)
        elif block.kind == "code":
            document.add_paragraph().add_run(block.text).font.name = "Consolas"
        else:
            document.add_paragraph(block.text)
    properties = document.core_properties
    properties.title, properties.author = document.paragraphs[0].text, "ragapp"
    properties.comments = ""
    properties.created = properties.modified = BUILT
    target = OUTPUT / f"{source.stem}.docx"
    save_with_fixed_dates(document, target)
    return target


def save_with_fixed_dates(document: Document, target: Path) -> None:
    """Save with the same date on every part of the zip."""
    buffer = io.BytesIO()
    document.save(buffer)
    with zipfile.ZipFile(buffer) as parts, zipfile.ZipFile(target, "w") as out:
        for name in parts.namelist():
            info = zipfile.ZipInfo(name, BUILT.timetuple()[:6])
            out.writestr(info, parts.read(name), zipfile.ZIP_DEFLATED)


def main() -> None:
    """Build all four files and print their sizes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cjk-font", type=Path, default=MICRO_HEI)
    cjk_font = parser.parse_args().cjk_font
    for target in (
        build_pdf(SOURCES / "retrieval-and-reranking.md", False, cjk_font),
        build_pdf(SOURCES / "句向量与白化.md", True, cjk_font),
        build_docx(SOURCES / "chunking-documents.md", False),
        build_docx(SOURCES / "KV缓存与推理加速.md", True),
    ):
        print(f"{target.name}: {target.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
