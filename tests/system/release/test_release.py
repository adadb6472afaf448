"""`make release` and what it makes: the same bytes each time, and documents that are true of it."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from embedded import environment

ROOT = Path(__file__).parents[3]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
PARTS = ("cli", "embedded-aws", "layer", "sam")


def git(repository: Path, *arguments: str) -> str:
    """Run git in a repository of a test's own."""
    who = ("-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false")
    command = ["git", *who, "-C", str(repository), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def repository(place: Path) -> Path:
    """Return a repository with what this checkout holds, committed, and the environments of this checkout."""
    listed = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(listed, check=True, capture_output=True, text=True).stdout.splitlines():
        if (ROOT / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, place / name)
    git(place, "init", "--quiet")
    git(place, "add", "--all")
    git(place, "commit", "--quiet", "--message", "all", "--date", "2026-01-01T00:00:00Z")
    (place / ".venv").symlink_to(ROOT / ".venv")
    return place


def release(place: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run what `make release` runs."""
    environment()
    return subprocess.run(
        [sys.executable, str(place / ".ci" / "release.py")],
        cwd=place,
        env={"PATH": "/usr/bin:/bin", "HOME": str(place), **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a repository from which a release was made."""
    place = repository(tmp_path_factory.mktemp("repository"))
    done = release(place)
    assert 0 == done.returncode, done.stderr
    return place


def document(source: Path, part: str) -> dict[str, Any]:
    """Return the document of one part."""
    told: dict[str, Any] = json.loads((source / "dist" / f"tokensync-{VERSION}.{part}.cdx.json").read_text())
    return told


def test_everything_is_in_the_checksums(source: Path) -> None:
    """The wheel, the locked requirements, the documents of the four parts, the notes."""
    dist = source / "dist"
    sums = dict(reversed(line.split("  ")) for line in (dist / "SHA256SUMS").read_text().splitlines())

    assert {
        f"tokensync-{VERSION}-py3-none-any.whl",
        f"tokensync-{VERSION}.notes.md",
        f"tokensync-{VERSION}.requirements.txt",
        *(f"tokensync-{VERSION}.{part}.cdx.json" for part in PARTS),
    } == set(sums)
    assert sums == {name: hashlib.sha256((dist / name).read_bytes()).hexdigest() for name in sums}
    assert {*sums, "SHA256SUMS"} == {path.name for path in dist.iterdir()}


def test_the_same_commit_gives_the_same_bytes(source: Path, tmp_path: Path) -> None:
    """From another directory, with files beside that nobody committed."""
    clone = tmp_path / "another place"
    git(source, "clone", "--quiet", str(source), str(clone))
    (clone / ".venv").symlink_to(ROOT / ".venv")
    (clone / "functions" / "callback" / "notes.txt").write_text("mine")
    (clone / "template.yaml").write_text("changed")

    assert 0 == release(clone).returncode
    assert (source / "dist" / "SHA256SUMS").read_text() == (clone / "dist" / "SHA256SUMS").read_text()


def test_the_wheel_holds_what_is_deployed(source: Path) -> None:
    """The SAM project, the core, the locks of the embedded stack, byte for byte; and nothing that was compiled."""
    with zipfile.ZipFile(source / "dist" / f"tokensync-{VERSION}-py3-none-any.whl") as wheel:
        held = {name: wheel.read(name) for name in wheel.namelist()}
    inside = {name.partition("project/")[2]: data for name, data in held.items() if "tokensync_cli/project/" in name}
    core = {f"layers/core/python/{name}": data for name, data in held.items() if name.startswith("tokensync/")}
    deployed = ("template.yaml", "samconfig.toml", "pyproject.toml", "uv.lock", "README.md", "LICENSE")
    listed = git(source, "ls-files", *deployed, "functions", "layers").splitlines()

    assert {name: (source / name).read_bytes() for name in listed} == {**inside, **core}
    assert [] == [name for name in held if name.endswith(".pyc") or "tests/" in name]
    for part in ("ministack", "sam"):
        lock = f"embedded/environments/{part}/uv.lock"
        assert (source / "cli/tokensync_cli" / lock).read_bytes() == held[f"tokensync_cli/{lock}"]


@pytest.mark.parametrize("part", PARTS)
def test_a_document_is_cyclonedx(source: Path, part: str) -> None:
    """By the standard's own schema. Formats, such as that of a URL, are looked at in a few of its files."""
    told = document(source, part)
    few = {
        **told,
        "components": [{**one, "externalReferences": one["externalReferences"][:1]} for one in told["components"][:9]],
    }
    validator = JsonStrictValidator(SchemaVersion.V1_5)

    assert [] == list(validator._validator.evolve(format_checker=None).iter_errors(told))
    assert None is validator.validate_str(json.dumps(few))
    assert None is not validator.validate_str(json.dumps({**few, "components": "none"}))


@pytest.mark.parametrize(
    ("part", "lock"),
    [
        ("layer", "uv.lock"),
        ("cli", "uv.lock"),
        ("embedded-aws", "cli/tokensync_cli/embedded/environments/ministack/uv.lock"),
        ("sam", "cli/tokensync_cli/embedded/environments/sam/uv.lock"),
    ],
)
def test_a_document_says_what_is_locked(source: Path, part: str, lock: str) -> None:
    """Each package with the version and all the hashes of its lock."""
    packages = tomllib.loads((ROOT / lock).read_text())["package"]
    locked = {
        (package["name"], package["version"]): {
            file["hash"].removeprefix("sha256:")
            for file in [*package.get("wheels", ()), *([package["sdist"]] if "sdist" in package else [])]
        }
        for package in packages
    }
    told = {
        (component["name"], component["version"]): {
            one["content"] for file in component["externalReferences"] for one in file["hashes"]
        }
        for component in document(source, part)["components"]
    }

    assert told
    assert told == {key: locked[key] for key in told}


def test_the_layers_document_is_whole(source: Path) -> None:
    """The packages that the layer's build installs, and a licence for each."""
    requirements = subprocess.run(
        [str(ROOT / ".venv/bin/uv"), "export", "--frozen", "--only-group", "layer", "--no-hashes", "--no-annotate"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    installed = set(re.findall(r"^([\w.-]+)==([\w.]+)", requirements, re.MULTILINE))
    components = document(source, "layer")["components"]

    assert installed == {(component["name"], component["version"]) for component in components}
    assert [] == [component["name"] for component in components if not component.get("licenses")]


def test_the_requirements_are_the_locks(source: Path) -> None:
    """With them a command line can be installed by hash; they name no index."""
    text = (source / "dist" / f"tokensync-{VERSION}.requirements.txt").read_text()
    components = document(source, "cli")["components"]

    pinned = set(re.findall(r"^([\w.-]+)==([\w.]+)", text, re.MULTILINE))
    assert pinned == {(component["name"], component["version"]) for component in components}
    assert len(pinned) <= text.count("--hash=sha256:")
    assert "://" not in text


def test_the_notes_are_the_changelogs_section(source: Path) -> None:
    """Word for word, without the heading and without what other versions brought."""
    notes = (source / "dist" / f"tokensync-{VERSION}.notes.md").read_text()
    changelog = (ROOT / "CHANGELOG.md").read_text()

    assert f"## {VERSION}" not in notes
    assert notes.strip() in changelog
    assert "\n## " not in notes


def test_no_release_without_a_section_in_the_changelog(tmp_path: Path) -> None:
    """Nobody is left without a word about what changed; nothing is built."""
    place = repository(tmp_path / "repository")
    (place / "CHANGELOG.md").write_text("# Changelog\n\n## 0.0.1 - 2020-01-01\n\nThe first.\n")
    git(place, "commit", "--quiet", "--all", "--message", "forget")

    done = release(place)

    assert 1 == done.returncode
    assert f"CHANGELOG.md says nothing of {VERSION}." in done.stderr
    assert not (place / "dist").exists()


@pytest.mark.parametrize(
    ("heading", "tag", "said"),
    [
        ("unreleased", f"v{VERSION}", "has no date"),
        ("2026-12-01", "v9.9.9", "The tag v9.9.9 is not"),
    ],
)
def test_a_tag_publishes_a_dated_section_of_its_own_version(tmp_path: Path, heading: str, tag: str, said: str) -> None:
    """Else it is refused before anything is built."""
    place = repository(tmp_path / "repository")
    (place / "CHANGELOG.md").write_text(f"# Changelog\n\n## {VERSION} - {heading}\n\nMuch.\n")
    git(place, "commit", "--quiet", "--all", "--message", "date")

    done = release(place, TAG=tag)

    assert (1, True) == (done.returncode, said in done.stderr)
    assert not (place / "dist").exists()


def test_uv_itself_comes_by_hash(tmp_path: Path) -> None:
    """The lock's hashes, of every platform; another file of the same version is refused."""
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    lock = (ROOT / "uv.lock").read_text()
    (uv,) = (package for package in tomllib.loads(lock)["package"] if package["name"] == "uv")
    for wheel in uv["wheels"]:
        lock = lock.replace(wheel["hash"], f"sha256:{hashlib.sha256(wheel['hash'].encode()).hexdigest()}")
    (tmp_path / "uv.lock").write_text(lock)

    command = ["make", ".venv/bin/uv", f"PYTHON={sys.executable}"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert 0 != done.returncode
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in done.stderr
    assert not (tmp_path / ".venv" / "bin" / "uv").exists()
    asked = (tmp_path / ".venv" / "uv.txt").read_text()
    assert f"uv=={uv['version']} " in asked
    assert len(uv["wheels"]) == asked.count("--hash=sha256:")
