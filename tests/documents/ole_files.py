"""OLE compound files, as old Office and Outlook write them ([MS-CFB]); streams of 4096 bytes up."""

import struct
from collections.abc import Mapping

SECTOR = 512
SMALLEST = 4096
"""Bytes; shorter streams lie in a stream of their own kind, which is not needed here."""
FREE, END, FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD


def ole_file(tree: Mapping[str, object]) -> bytes:
    """Build a file of streams (bytes) and storages (mappings); streams are padded with zeros."""
    entries: list[list[object]] = [["Root Entry", 5, FREE, FREE, END, 0]]
    data: list[bytes] = []

    def add(parent: int, children: Mapping[str, object]) -> None:
        last = None
        for name, value in children.items():
            number = len(entries)
            if last is None:
                entries[parent][3] = number
            else:
                entries[last][2] = number
            last = number
            if isinstance(value, bytes):
                padded = value.ljust(max(SMALLEST, -(-len(value) // SECTOR) * SECTOR), b"\0")
                entries.append(
                    [name, 2, FREE, FREE, sum(map(len, data)) // SECTOR, max(len(value), SMALLEST)]
                )
                data.append(padded)
            else:
                entries.append([name, 1, FREE, FREE, 0, 0])
                assert isinstance(value, Mapping)
                add(number, value)

    add(0, tree)
    directory = b"".join(
        name.encode("utf-16-le").ljust(64, b"\0")
        + struct.pack("<HBBIII", 2 * len(name) + 2, kind, 1, FREE, right, child)
        + bytes(36)
        + struct.pack("<IQ", start, size)
        for name, kind, right, child, start, size in entries
    )
    directory += bytes(-len(directory) % SECTOR)
    body, sizes = b"".join(data), [len(one) // SECTOR for one in data]
    start_of = [sum(sizes[:place]) for place in range(len(sizes))]
    links = [
        start + n + 1 if n + 1 < size else END
        for start, size in zip(start_of, sizes, strict=True)
        for n in range(size)
    ]
    first = len(links)
    length = len(directory) // SECTOR
    links += [first + n + 1 if n + 1 < length else END for n in range(length)]
    links.append(FAT)
    assert len(links) <= SECTOR // 4, "one sector of the allocation table"
    table = struct.pack(f"<{SECTOR // 4}I", *links, *([FREE] * (SECTOR // 4 - len(links))))
    head = (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
        + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
        + struct.pack("<IIIIIIIII", 0, 1, first, 0, SMALLEST, END, 0, END, 0)
        + struct.pack("<I", first + length)
    )  # fmt: skip
    return head.ljust(SECTOR, b"\xff") + body + directory + table
