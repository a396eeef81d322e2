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
