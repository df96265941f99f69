"""What the code outside the emulator may cost. A number falls with the code, and rises only for a feature."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent / "reconciler"
MODULES = 312
LINES = 46_500
AT_THE_TOP = 6  # files beside the folders, but for py.typed
FOLDERS = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith("_")}
FILES = sorted(path for path in ROOT.rglob("*.py") if "emulator" not in path.relative_to(ROOT).parts[:1])
TEXTS = {path: path.read_text(encoding="utf-8") for path in FILES}


def outside(*folders: str) -> dict[Path, str]:
    return {path: text for path, text in TEXTS.items() if path.relative_to(ROOT).parts[0] not in folders}


def found(pattern: str, texts: dict[Path, str]) -> list[str]:
    hits = ((path, hit[0]) for path, text in texts.items() for hit in re.finditer(pattern, text, re.MULTILINE))
    return [f"{path.relative_to(ROOT)}: {hit}" for path, hit in hits]


def test_the_code_does_not_grow() -> None:
    assert len(FILES) <= MODULES
    assert sum(len(text.splitlines()) for text in TEXTS.values()) <= LINES


def test_the_top_is_short() -> None:
    assert len(list(ROOT.glob("*.py"))) <= AT_THE_TOP


def test_every_folder_says_what_comes_in_and_what_goes_out_and_imports_nothing() -> None:
    for folder in sorted(FOLDERS - {"emulator"}):
        text = (ROOT / folder / "__init__.py").read_text(encoding="utf-8")
        assert text.startswith('"""')
        if folder not in ("kinds", "model"):  # the registration, and the nouns, are what these folders are for
            assert "import" not in text, folder


def test_kinds_are_named_in_their_folder_only() -> None:
    assert len(found(r'"(Organization|Member)"', outside("kinds"))) <= 2


def test_one_function_makes_problems_and_one_name_stands_for_the_template_mark() -> None:
    assert len(found(r"^(?!class ).*\bProblem\(", TEXTS)) == 1
    assert len(found(r'"\$\{\{"', TEXTS)) == 1
