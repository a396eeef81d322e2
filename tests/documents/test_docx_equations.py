"""Equations and symbols of Word are read as a person would write them in a line."""

import pytest
from docx import Document

from .word_files import paragraph, run, text_of


def m(name: str, *inner: str) -> str:
    return f"<m:{name}>{''.join(inner)}</m:{name}>"


def letters(text: str) -> str:
    return m("r", m("t", text))


SQUARE = m("sSup", m("e", letters("T")), m("sup", letters("2")))


@pytest.mark.parametrize(
    ("equation", "reads"),
    [
        (letters("g=") + m("f", m("num", letters("4πL")), m("den", SQUARE)), "g=4πL/T²"),
        (m("f", m("num", letters("a+b")), m("den", letters("2c"))), "(a+b)/2c"),
        (m("f", m("num", letters("a")), m("den", letters("b+c"))), "a/(b+c)"),
        (m("rad", m("deg"), m("e", letters("x+1"))), "√(x+1)"),
        (m("sSub", m("e", letters("v")), m("sub", letters("0"))), "v₀"),
        (m("sSup", m("e", letters("e")), m("sup", letters("−kt"))), "e^(−kt)"),
        (
            m("nary", "<m:naryPr><m:chr m:val='∑'/></m:naryPr>", m("sub", letters("i=1")),
              m("sup", letters("n")), m("e", letters("x"))),
            "∑_(i=1)ⁿ x",
        ),
        (m("d", m("e", letters("a")), m("e", letters("b"))), "(a, b)"),
        (m("func", m("fName", letters("sin")), m("e", letters("x"))), "sin(x)"),
        (
            m("m", m("mr", m("e", letters("1")), m("e", letters("0"))),
              m("mr", m("e", letters("0")), m("e", letters("1")))),
            "1, 0; 0, 1",
        ),
        (m("acc", m("e", letters("x"))) + letters("=2"), "x\u0302=2"),
        (m("acc", "<m:accPr><m:chr m:val='\u20d7'/></m:accPr>", m("e", letters("F"))), "F\u20d7"),
        (m("bar", "<m:barPr><m:pos m:val='top'/></m:barPr>", m("e", letters("x"))), "x\u0305"),
        (letters("a+") + "<w:del>" + letters("b") + "</w:del>" + letters("c"), "a+c"),
    ],
)  # fmt: skip
def test_equations_are_read_in_a_line(equation: str, reads: str) -> None:
    document = Document()
    paragraph(document, run("Here ") + f"<m:oMath>{equation}</m:oMath>" + run("."))
    assert text_of(document) == f"Here {reads}."


def test_symbols_of_symbol_fonts_are_letters() -> None:
    document = Document()
    sym = "<w:r><w:sym w:font='{}' w:char='{}'/></w:r>"
    paragraph(
        document,
        run("5 ") + sym.format("Symbol", "F06D") + run("m ") + sym.format("Wingdings", "F0FC")
        + sym.format("Symbol", "61") + sym.format("Odd", "F041"),
    )  # fmt: skip
    assert text_of(document) == "5 μm ✓α"


def test_letters_typed_in_the_font_symbol_are_those_it_shows() -> None:
    document = Document()
    typed = "<w:r><w:rPr><w:rFonts w:ascii='Symbol'/></w:rPr><w:t>{}</w:t></w:r>"
    paragraph(document, typed.format("D = 5 \uf06dm") + run(" \uf041") + typed.format("abc 12"))
    assert text_of(document) == "Δ = 5 μμ αβχ 12"


def test_a_reading_aid_stands_beside_its_word_and_is_no_part_of_it() -> None:
    document = Document()
    ruby = f"<w:ruby><w:rt>{run('hàn')}</w:rt><w:rubyBase>{run('汉')}</w:rubyBase></w:ruby>"
    paragraph(document, run("学") + f"<w:r>{ruby}</w:r>" + run("字"))
    assert text_of(document) == "学汉字"
