from pathlib import Path

import pytest

from tokensync_cli.embedded.inputs import fingerprint


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project in small."""
    for name in (
        "template.yaml",
        "uv.lock",
        "functions/callback/app.py",
        "layers/core/python/tokensync/domain/names.py",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


@pytest.mark.parametrize(
    "name", ["template.yaml", "uv.lock", "functions/callback/app.py", "layers/core/python/tokensync/domain/names.py"]
)
def test_a_changed_source_is_seen(root: Path, name: str) -> None:
    """Whatever the deployment is made from counts."""
    before = fingerprint(root, {})
    (root / name).write_text("changed")
    assert fingerprint(root, {}) != before


def test_new_moved_and_removed_files_are_seen(root: Path) -> None:
    """The names of the files count as well as what is in them."""
    seen = {fingerprint(root, {})}
    file = root / "functions/callback/app.py"
    (root / "functions/callback/new.py").touch()
    seen.add(fingerprint(root, {}))
    file.rename(root / "functions/callback/moved.py")
    seen.add(fingerprint(root, {}))
    (root / "functions/callback/moved.py").unlink()
    seen.add(fingerprint(root, {}))
    assert len(seen) == 4


def test_parameters_count(root: Path) -> None:
    """Another address is another deployment; the order of parameters is not."""
    assert fingerprint(root, {"a": "1", "b": "2"}) == fingerprint(root, {"b": "2", "a": "1"})
    assert fingerprint(root, {"a": "1"}) != fingerprint(root, {"a": "2"})


def test_what_is_not_deployed_does_not_count(root: Path) -> None:
    """Compiled files and the rest of the project change nothing."""
    before = fingerprint(root, {})
    (root / "functions/callback/__pycache__").mkdir()
    (root / "functions/callback/__pycache__/app.cpython-313.pyc").touch()
    (root / "README.md").touch()
    assert fingerprint(root, {}) == before
