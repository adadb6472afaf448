"""Builds what people install, from the last commit, into dist/: `make release`.

The wheel with the SAM project inside, the locked requirements of the command line, the documents of what runs, the
release's notes, and the checksums of all of them. The same commit gives the same bytes.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from io import BytesIO
from pathlib import Path

import sbom

from tokensync_cli.embedded import environments

ROOT = sbom.ROOT
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class Refused(Exception):
    """There is no release to make; the text says why, and what to do."""


def version_of(source: Path) -> str:
    """Return the version in a source's `pyproject.toml`."""
    version: str = tomllib.loads((source / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    return version


def notes_of(changelog: str, version: str, *, tag: str = "") -> str:
    """Return a version's section of the changelog, without its heading.

    Args:
        changelog: the text of `CHANGELOG.md`.
        version: as in `pyproject.toml`.
        tag: the tag that is being published, if any. Then the section must be dated.

    Raises:
        Refused: there is no section, nothing in it, no date, or the tag is another version's.
    """
    if tag and tag != f"v{version}":
        raise Refused(f"The tag {tag} is not v{version}, which pyproject.toml says. Change one of them.")
    heading = re.search(rf"^## \[?{re.escape(version)}\]?(.*)\n((?:(?!## ).*\n?)*)", changelog, re.MULTILINE)
    if heading is None or not heading[2].strip():
        raise Refused(
            f"CHANGELOG.md says nothing of {version}. Write a section `## {version} - DATE`, in a user's words."
        )
    if tag and not _DATE.search(heading[1]):
        raise Refused(f"The section of {version} in CHANGELOG.md has no date. Put the day of the release there.")
    return heading[2].strip() + "\n"


def build(dist: Path, *, tag: str = "") -> None:
    """Build everything from the last commit into an empty `dist`.

    Raises:
        Refused: see `notes_of`.
    """
    moment = sbom.moment_of_the_commit()
    with tempfile.TemporaryDirectory() as directory:
        source = _committed(Path(directory))
        version = version_of(source)
        notes = notes_of((source / "CHANGELOG.md").read_text(encoding="utf-8"), version, tag=tag)
        shutil.rmtree(dist, ignore_errors=True)
        dist.mkdir()
        (dist / f"tokensync-{version}.notes.md").write_text(notes, encoding="utf-8")
        _run(
            [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(dist)],
            cwd=source,
            SOURCE_DATE_EPOCH=str(moment),
        )
        requirements = dist / f"tokensync-{version}.requirements.txt"
        export = ("export", "--quiet", "--frozen", "--no-dev", "--no-emit-project", "--no-header")
        _run([str(environments.uv(ROOT)), *export, "--output-file", str(requirements)], cwd=source)
        sbom.write(source, dist, version, moment=moment)
    built = sorted(dist.iterdir())
    sums = "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in built)
    (dist / "SHA256SUMS").write_text(sums, encoding="ascii")


def _committed(directory: Path) -> Path:
    """Put the files of the last commit into a directory: what nobody committed is not released."""
    command = ["git", "-C", str(ROOT), "archive", "--format=tar", "HEAD"]
    packed = subprocess.run(command, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=BytesIO(packed)) as archive:
        archive.extractall(directory, filter="data")
    return directory


def _run(command: list[str], *, cwd: Path, **variables: str) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=cwd, env={**os.environ, **variables})


def main() -> int:
    """Build, and say what there is."""
    dist = ROOT / "dist"
    try:
        build(dist, tag=os.environ.get("TAG", ""))
    except Refused as refused:
        print(f"No release: {refused}", file=sys.stderr)
        return 1
    for path in sorted(dist.iterdir()):
        print(f"dist/{path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
