"""Changes to files as disks, networks and enemies make them, drawn from a seed."""

import io
import random
import struct
import zipfile

_ODD = (b"\0", b"\xff\xff\xff\xff", b"<", b">", b"]]>", b"\r", b"&#0;", b"\\", b'"', b"{", b"[")


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Return ``data`` with one to four changes; of a ZIP archive now and then in a member."""
    if data.startswith(b"PK") and chance.random() < 0.7:
        return _in_a_member(data, chance)
    for _ in range(chance.randint(1, 4)):
        data = chance.choice(_CHANGES)(data, chance)
    return data


def _in_a_member(data: bytes, chance: random.Random) -> bytes:
    """Change what a member unpacks to, and pack it again so that the archive itself is whole."""
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(packed, "w") as new:
        names = old.namelist()
        chosen = chance.choice(names)
        for name in names:
            content = old.read(name)
            if name == chosen:
                if chance.random() < 0.1:
                    continue
                content = chance.choice(_CHANGES)(content, chance)
            new.writestr(name, content)
    return packed.getvalue()


def _flip(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        if changed:
            changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data) + 1)]


def _take_out(data: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(data) + 1)
    return data[:start] + data[start + chance.randint(1, 40) :]


def _repeat(data: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(data) + 1)
    piece = data[start : start + chance.randint(1, 200)]
    return data[:start] + piece * chance.randint(2, 60) + data[start:]


def _put_in(data: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(data) + 1)
    return data[:start] + chance.choice(_ODD) * chance.randint(1, 30) + data[start:]


def _forge_number(data: bytes, chance: random.Random) -> bytes:
    """Replace a run of digits in the text by one that nobody expects, or four bytes by a size."""
    places = [place for place, byte in enumerate(data) if 48 <= byte <= 57]
    number = chance.choice((b"0", b"-1", b"99999999999", b"4294967295", b"1e309", b"NaN"))
    if places and chance.random() < 0.7:
        start = chance.choice(places)
        return data[:start] + number + data[start + 1 :]
    start = chance.randrange(len(data) + 1)
    size = struct.pack("<I", chance.choice((0, 1, 0x7FFFFFFF, 0xFFFFFFFF)))
    return data[:start] + size + data[start + 4 :]


_CHANGES = (_flip, _cut, _take_out, _repeat, _put_in, _forge_number)
