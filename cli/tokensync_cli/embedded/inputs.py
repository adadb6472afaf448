"""What a deployment is made from, as one hash: when it has not changed, there is nothing to deploy."""

import hashlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

# Relative to the project. A folder counts with everything below it.
_SOURCES = ("template.yaml", "uv.lock", "functions", "layers/core")


def fingerprint(root: Path, parameters: Mapping[str, str]) -> str:
    """Hash of the template, the functions, the layer, the lock, the parameters and the interpreter."""
    digest = hashlib.sha256(f"{sys.version}\n{sys.platform}\n{sorted(parameters.items())}\n".encode())
    for path in _files(root):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(root).as_posix()}\n{len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def _files(root: Path) -> Iterator[Path]:
    """Every source file, in an order that does not depend on the file system."""
    for source in _SOURCES:
        path = root / source
        if path.is_file():
            yield path
        else:
            yield from sorted(
                file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.relative_to(root).parts
            )
