"""The pages are true: their links lead somewhere, their code runs, docs/api.md is up to date.

How a page shows code that is run here:

- its `python` blocks are one program, read from top to bottom;
- a block that begins with a comment like `# counter.py` is a file of that name, saved beside the program;
- its `output` blocks, joined, are what the program prints.
"""

import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tools import api_page

ROOT = Path(__file__).parent.parent

FENCE = re.compile(r"^```(?P<language>[a-z]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
FILE_NAME = re.compile(r"# (?P<name>\w+\.py)\n")
LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
HEADING = re.compile(r"^#+ (?P<text>.*)$", re.MULTILINE)


def pages() -> list[Path]:
    """All pages of the project, without those of installed packages."""
    found = (path.relative_to(ROOT) for path in ROOT.rglob("*.md"))
    return sorted(path for path in found if not any(part.startswith(".") for part in path.parts))


class Program(NamedTuple):
    """The code of a page."""

    source: str
    files: dict[str, str]
    output: str


def program(text: str) -> Program:
    """Take the code out of a page; each line of `source` has the number that it has in the page."""
    source = ""
    files: dict[str, str] = {}
    output = ""
    for block in FENCE.finditer(text):
        language, body = block["language"], block["body"]
        if language == "output":
            output += body
        elif language == "python" and (named := FILE_NAME.match(body)):
            files[named["name"]] = body
        elif language == "python":
            source += "\n" * (text[: block.start("body")].count("\n") - source.count("\n")) + body
    return Program(source, files, output)


def without_code(text: str) -> str:
    """Return the page without its blocks of code and its code spans."""
    return re.sub(r"`[^`\n]*`", "", FENCE.sub("", text))


def anchors(text: str) -> set[str]:
    """Return what `#...` can name in a page: its headings, as GitHub spells them."""
    headings = (found["text"].lower() for found in HEADING.finditer(FENCE.sub("", text)))
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in headings}


def with_code() -> list[Path]:
    """Return the pages that hold a program."""
    return [page for page in pages() if program((ROOT / page).read_text()).source]


@pytest.mark.parametrize("page", pages(), ids=str)
def test_every_link_leads_somewhere(page: Path) -> None:
    """A page that was moved or a heading that was renamed must not leave links behind."""
    broken: list[str] = []
    for link in LINK.finditer(without_code((ROOT / page).read_text())):
        target = link["target"]
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        there = ROOT / page.parent / name if name else ROOT / page
        if not there.exists() or (anchor and anchor not in anchors(there.read_text())):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("page", with_code(), ids=str)
def test_code_runs_and_prints_what_the_page_says(page: Path, tmp_path: Path) -> None:
    """A reader who copies the code gets what is promised."""
    code = program((ROOT / page).read_text())
    for name, body in code.files.items():
        (tmp_path / name).write_text(body)
    script = tmp_path / f"{page.stem}_page.py"  # asyncio.md must not be what others import as asyncio
    script.write_text(code.source)
    command = [sys.executable, "-W", "error", script.name]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=50, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == code.output


def test_every_decision_is_listed() -> None:
    """A record that nobody finds is decided again."""
    folder = ROOT / "docs" / "decisions"
    listed = re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", (folder / "README.md").read_text())
    assert listed == sorted(path.name for path in folder.glob("[0-9]*.md"))


def test_readme_opens_with_a_program_of_its_own() -> None:
    """The first example is run like all others; this keeps it from getting lost."""
    assert Path("README.md") in with_code()


def test_api_page_lists_every_public_name() -> None:
    """What is public is documented, as it is now; `make api` writes the page anew."""
    assert api_page.PAGE.read_text() == api_page.text()
