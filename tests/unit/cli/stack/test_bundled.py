"""The project that an installed command line brings along."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tokensync_cli.stack import bundled

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """An installed package: the project's data and the core, with files that an installer compiled."""
    files = {
        "project/template.yaml": "template",
        "project/functions/callback/app.py": "handler",
        "project/functions/callback/__pycache__/app.cpython-313.pyc": "compiled",
        "core/domain/app.py": "app",
        "core/__pycache__/x.pyc": "compiled",
    }
    for name, text in files.items():
        path = tmp_path / "package" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "package"


def copy(package: Path, cache: Path) -> Path:
    """Unpack it."""
    return bundled.unpacked(package / "project", package / "core", cache)


def held(root: Path) -> dict[str, str]:
    """What a directory holds."""
    return {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}


def test_a_copy_holds_the_project_and_the_core(package: Path, tmp_path: Path) -> None:
    """Nothing that was compiled, nothing unfinished beside it, and for its owner alone."""
    root = copy(package, tmp_path / "cache")

    assert {
        "template.yaml": "template",
        "functions/callback/app.py": "handler",
        "layers/core/python/tokensync/domain/app.py": "app",
    } == held(root)
    assert [root] == list((tmp_path / "cache").iterdir())
    assert 0o700 == root.stat().st_mode & 0o777


def test_the_same_package_has_one_copy_and_another_its_own(package: Path, tmp_path: Path) -> None:
    """The environments in it stay, and a running stack keeps what it was made from."""
    first = copy(package, tmp_path / "cache")
    (first / ".venv" / "sam").mkdir(parents=True)
    (first / ".venv" / "sam" / "x").touch()

    assert first == copy(package, tmp_path / "cache")
    assert (first / ".venv" / "sam" / "x").exists()
    (package / "core" / "domain" / "app.py").write_text("another version")
    second = copy(package, tmp_path / "cache")
    assert first != second
    assert "app" == (first / "layers/core/python/tokensync/domain/app.py").read_text()


@pytest.mark.parametrize("change", ["changed", "removed", "added"])
def test_a_copy_that_was_changed_is_made_anew(package: Path, tmp_path: Path, change: str) -> None:
    """What is built is what was installed, and nothing that came between."""
    root = copy(package, tmp_path / "cache")
    before = held(root)
    app = root / "functions" / "callback" / "app.py"
    match change:
        case "changed":
            app.write_text("somebody's")
        case "removed":
            app.unlink()
        case _:
            app.with_name("more.py").write_text("somebody's")
    (root / ".venv").mkdir()
    (root / ".venv" / "x").write_text("")

    assert root == copy(package, tmp_path / "cache")
    assert {**before, ".venv/x": ""} == held(root)


def test_a_checkout_brings_nothing_along() -> None:
    """Its own files are the project."""
    assert not bundled.is_there()
