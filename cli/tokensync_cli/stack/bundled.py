"""The SAM project that an installed command line brings along, for those who have no checkout.

Inside the package it is read-only, and an installer may have put compiled files beside it. What is built from is a
copy in the user's cache, named by what it holds; the locked environments come to lie in its `.venv/`.
"""

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import platformdirs

import tokensync
import tokensync_cli

_INSIDE = Path(tokensync_cli.__file__).parent / "project"
_CORE = Path(tokensync.__file__).parent
_CORE_IN_PROJECT = Path("layers/core/python/tokensync")
_NAME_LENGTH = 16  # hexadecimal digits: enough to tell the versions of one user's cache apart


def is_there(inside: Path = _INSIDE) -> bool:
    """Return whether this command line was installed from a wheel; a checkout needs no copy of itself."""
    return inside.is_dir()


def unpacked(inside: Path = _INSIDE, core: Path = _CORE, cache: Path | None = None) -> Path:
    """Return the directory of a copy that holds exactly what the package does, and make it where it is missing.

    A copy that was changed is made anew. Its environments stay.
    """
    digest = _digest(dict(_parts(inside, core)))
    place = cache or platformdirs.user_cache_path("tokensync")
    root = place / f"project-{digest[:_NAME_LENGTH]}"
    if not root.is_dir() or _digest(dict(_files(root))) != digest:
        _copy(inside, core, root)
    return root


def _copy(inside: Path, core: Path, root: Path) -> None:
    """Copy beside the place, then move each part in, so that no reader builds from half a file."""
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root.parent) as unfinished:
        for name, source in _parts(inside, core):
            target = Path(unfinished) / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        for part in Path(unfinished).iterdir():
            if (root / part.name).is_dir():
                shutil.rmtree(root / part.name)
            part.replace(root / part.name)


def _parts(inside: Path, core: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files of the project by their names in it: the package's data, and the core itself."""
    yield from _files(inside)
    for name, path in _files(core):
        yield (_CORE_IN_PROJECT / name).as_posix(), path


def _files(directory: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files below a directory by their names in it, without compiled ones and environments."""
    for path in sorted(directory.rglob("*")):
        name = path.relative_to(directory)
        if path.is_file() and "__pycache__" not in name.parts and name.parts[0] != ".venv":
            yield name.as_posix(), path


def _digest(files: dict[str, Path]) -> str:
    """Return the hash of files by name and content."""
    digest = hashlib.sha256()
    for name in sorted(files):
        content = files[name].read_bytes()
        digest.update(f"{name}\n{len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()
