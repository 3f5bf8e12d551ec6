"""Documentation is part of the product: its links lead somewhere, its words are defined, its claims name tests that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(path for path in ROOT.rglob("*.md") if not {".venv", "node_modules", ".harness"} & set(path.relative_to(ROOT).parts))
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
REQUIREMENT = re.compile(
    r"^\| (?P<id>[A-Z]+-[0-9X]+|PACK-[XS]) \| (?P<state>yes|partly|not yet) \| (?P<where>.*) \| (?P<test>.*) \|$"
)


def anchors(path: Path) -> set[str]:
    """The fragments a page offers, as renderers make them from headings."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    """A reader never lands on nothing."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in LINK.findall(text):
        if "://" in target or target.startswith("mailto:"):
            continue
        name, _, fragment = target.partition("#")
        linked = (page.parent / name).resolve() if name else page
        assert linked.exists(), f"{target} leads nowhere"
        if fragment and linked.suffix == ".md":
            assert fragment in anchors(linked), f"{target}: no such heading"


def rows() -> list[re.Match[str]]:
    lines = (ROOT / "docs" / "requirements.md").read_text(encoding="utf-8").splitlines()
    return [found for line in lines if (found := REQUIREMENT.match(line))]


IDS = (
    *(f"FND-{n:02}" for n in range(1, 9)), *(f"META-{n:02}" for n in range(1, 9)), *(f"EXEC-{n:02}" for n in range(1, 12)),
    *(f"KRN-{n:02}" for n in range(1, 11)), *(f"EXT-{n:02}" for n in range(1, 9)), *(f"UX-{n:02}" for n in range(1, 9)),
    *(f"OBS-{n:02}" for n in range(1, 8)), *(f"SEC-{n:02}" for n in (1, 2, 3, 4, 5, 7, 8, 9)), *(f"PERF-{n:02}" for n in range(1, 7)),
    *(f"QA-{n:02}" for n in range(1, 7)), "PACK-X", "PACK-S",
)  # fmt: skip


def test_every_requirement_has_its_row() -> None:
    """Nothing that was asked for is left unmentioned."""
    assert tuple(row["id"] for row in rows()) == IDS


def test_what_is_said_to_be_done_names_code_and_a_test_that_exist() -> None:
    """A requirement is done where a reader can see it, and see it proved."""
    for row in rows():
        paths = re.findall(r"`([^`]+)`", row["where"] + row["test"])
        if row["state"] == "yes":
            assert re.findall(r"`tests/[^`]+`", row["test"]), f"{row['id']}: no test is named"
        for path in paths:
            if "/" in path:
                name, _, test = path.partition("::")
                assert (ROOT / name).exists(), f"{row['id']}: {name} is not there"
                assert not test or f"def {test}(" in (ROOT / name).read_text(encoding="utf-8"), f"{row['id']}: no {test} in {name}"


def test_the_locks_name_no_index() -> None:
    """Locks carry versions and hashes, and never say where to fetch from."""
    for name in ("requirements.txt", "requirements-dev.txt"):
        text = (ROOT / "deploy" / name).read_text(encoding="utf-8")
        assert "://" not in text
        assert "--index-url" not in text
        pinned = re.findall(r"^([a-z0-9][\w.-]*)==", text, re.MULTILINE | re.IGNORECASE)
        assert pinned
        assert text.count("--hash=sha256:") >= len(pinned)
