"""Delimited files of every shape against what they were written from: no row is lost, none invented, no character changed."""

import codecs
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from harness_core.sdk.testing import run_plugin

PLUGIN = Path(__file__).parents[2] / "plugins" / "ingest_tabular"
CELLS = ("a", "bb", "ccc", "x y", "12", "007", "1.50", "é", "日本", " padded ", "", "", "it's", "-", "2024-01-05", "😀")
HARD = ("a,b", 'say "x"', '"', "two\nlines", "cr\r\nlf", ",", ";", "\n", 'end"', '","', "x" * 3000)
ENCODINGS = {"utf-8": b"", "utf-8-sig": b"", "utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}


def read(path: Path, **settings: Any) -> tuple[dict[str, Any], list[tuple[Any, ...]]]:
    """The answer, and the rows with None for empty fields."""
    settings = {"types": {"*": "text"}, "header": True, **settings}
    answer = run_plugin(PLUGIN, inputs=[path], settings=settings, scratch=path.parent / f"scratch-{path.name}")
    if answer["status"] != "ok":
        return answer, []
    table = pyarrow.parquet.read_table(Path(answer["scratch"], "datasets", "0", "data.parquet"))
    return answer, list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def repairs(answer: dict[str, Any]) -> dict[str, int]:
    return {each["code"]: each["count"] for each in answer["datasets"][0]["repairs"]}


def written(rows: list[list[str]], draw: random.Random, delimiter: str, ends: tuple[str, ...]) -> str:
    """The rows by the letter of RFC 4180; quotes where they are needed, or also where they are not."""
    eager = draw.choice((0.0, 0.3, 1.0))
    lines = []
    for row in rows:
        fields = [
            '"' + cell.replace('"', '""') + '"' if set(cell) & set(f'{delimiter}"\r\n') or draw.random() < eager else cell
            for cell in row
        ]
        lines.append(delimiter.join(fields) + draw.choice(ends))
    return "".join(lines)


@pytest.mark.parametrize("seed", range(60))
def test_well_formed_files_are_read_to_the_letter(tmp_path: Path, seed: int) -> None:
    """Any table by the letter of RFC 4180 comes back cell for cell, in order, whatever its marks, line ends and encoding."""
    draw = random.Random(seed)
    width, delimiter = draw.randint(2, 6), draw.choice(",;\t|")
    cells = CELLS + (HARD if seed % 2 else ())
    rows = [[f"r{index}", *(draw.choice(cells) for _ in range(width - 1))] for index in range(draw.choice((1, 3, 40, 900)))]
    header = [f"name {index}" for index in range(width)]
    ends = draw.choice((("\n",), ("\r\n",), ("\n", "\r\n")))
    text = written([header, *rows], draw, delimiter, ends)
    text = text.rstrip("\r\n") if draw.random() < 0.3 and not rows[-1][-1].endswith("\n") and rows[-1][-1] else text
    encoding = draw.choice(list(ENCODINGS))
    path = tmp_path / "table.csv"
    path.write_bytes(ENCODINGS[encoding] + text.encode(encoding))
    _, found = read(path, delimiter=delimiter, quote='"')
    assert found == [tuple(cell or None for cell in row) for row in rows]


@pytest.mark.parametrize("seed", range(40))
def test_broken_files_lose_no_row_and_no_character(tmp_path: Path, seed: int) -> None:
    """Fields too few or too many, and quotes within plain fields: every line is a row, every character is kept, all is said."""
    draw = random.Random(1000 + seed)
    width = draw.randint(3, 6)
    plain = ("a", "bb", "c c", "12", "3.5", "north", "u9", 'in"ch')
    rows = [[f"r{index}", *(draw.choice(plain[:7]) for _ in range(width - 1))] for index in range(draw.choice((30, 400)))]
    for index in draw.sample(range(5, len(rows) - 3), len(rows) // 12):
        change = draw.choice(("short", "long", "quote"))
        if change == "short":
            rows[index] = rows[index][: draw.randint(2, width - 1)]
        elif change == "long":
            rows[index] = [*rows[index], *draw.choices(plain[:7], k=draw.randint(1, 3))]
        else:
            rows[index][draw.randint(1, width - 1)] = plain[7]
    path = tmp_path / "table.csv"
    path.write_text("".join(",".join(row) + "\n" for row in [[f"n{index}" for index in range(width)], *rows]), encoding="utf-8")
    answer, found = read(path, delimiter=",")
    assert [row[0] for row in found] == [row[0] for row in rows]
    for row, kept in zip(rows, found, strict=True):
        assert Counter("".join(row)) == Counter("".join(cell or "" for cell in kept)), row
    irregular = sum(len(row) != width for row in rows)
    assert sum(count for code, count in repairs(answer).items() if code.endswith("_rows")) >= irregular


@pytest.mark.parametrize(
    ("text", "codes", "rows"),
    [
        ('a,b\n1,"x\n', {"stray_quotes": 1}, [("1", '"x')]),
        ('a,b\n1,x\n2,"y\n', {"stray_quotes": 1}, [("1", "x"), ("2", '"y')]),
        ('name,qty\n"Miller,3\nSmith,4\n', {"stray_quotes": 1}, [('"Miller', "3"), ("Smith", "4")]),
        ('a,b,c\n1,2,"z', {"stray_quotes": 1}, [("1", "2", '"z')]),
        ("a,b\n", {}, []),
        ("only\n", {}, []),
        ("one\nx\n\ny\n", {}, [("x",), (None,), ("y",)]),
        ("a,b\n1,x\x00y\n2,z\n", {}, [("1", "x\x00y"), ("2", "z")]),
        ("a,b\r1,2\r3,4\r", {}, [("1", "2"), ("3", "4")]),
        ("a,b\n1,2\r\n3,4\n5,6\r\n", {}, [("1", "2"), ("3", "4"), ("5", "6")]),
    ],
)  # fmt: skip
def test_small_oddities(tmp_path: Path, text: str, codes: dict[str, int], rows: list[tuple[Any, ...]]) -> None:
    """Tiny files: a quote that nobody closes is kept and said, a header alone is a table without rows, blank cells are cells."""
    path = tmp_path / "table.csv"
    path.write_bytes(text.encode())
    answer, found = read(path, delimiter=",")
    assert (found, repairs(answer)) == (rows, codes)


@pytest.mark.parametrize("content", [b"", b"\n\n\n", b"\xef\xbb\xbf"])
def test_nothing_is_refused_as_empty(tmp_path: Path, content: bytes) -> None:
    """A file without a single character of a table is refused with its reason and the next step."""
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    answer, _ = read(path)
    assert (answer["error"]["code"], bool(answer["error"]["remedy"])) == ("empty_file", True)


def test_two_thousand_columns(tmp_path: Path) -> None:
    """A wide file keeps every column in its place."""
    rows = [[str(row * 2000 + column) for column in range(2000)] for row in range(20)]
    path = tmp_path / "table.csv"
    path.write_text("".join(",".join(row) + "\n" for row in [[f"c{index}" for index in range(2000)], *rows]), encoding="utf-8")
    _, found = read(path)
    assert found == [tuple(row) for row in rows]


def test_a_field_of_a_hundred_megabytes(tmp_path: Path) -> None:
    """One enormous field is read whole, and the rows around it stay where they are."""
    path = tmp_path / "table.csv"
    with path.open("wb") as file:
        file.write(b'a,b\n1,x\n2,"')
        for _ in range(100):
            file.write(b"z" * (1 << 20))
        file.write(b'"\n3,y\n')
    _, found = read(path)
    assert [(row[0], len(row[1])) for row in found] == [("1", 1), ("2", 100 << 20), ("3", 1)]
    assert set(found[1][1]) == {"z"}
