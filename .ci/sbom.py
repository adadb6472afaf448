"""Writes what runs as CycloneDX documents, one for each part: `make sbom` puts them into dist/.

Names, versions and hashes are the locks', by `uv export`; licences are what the installed packages say, by
`cyclonedx-py`. The same commit gives the same bytes.
"""

import json
import os
import subprocess
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from packaging.utils import canonicalize_name

from tokensync_cli.embedded import environments

ROOT = Path(__file__).parents[1]
_ENVIRONMENTS = "cli/tokensync_cli/embedded/environments"
# RFC 9562 name-based: documents with the same content have the same number.
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://cyclonedx.org/schema/bom-1.5.schema.json")


class Part(NamedTuple):
    """One thing that runs: the lock that names its packages, what of it, and an environment that has them."""

    project: Path
    selection: tuple[str, ...]
    python: Path


def parts(source: Path) -> dict[str, Part]:
    """Return the four of a source, by name; those of the embedded stack are installed where they are not."""
    aws, sam = environments.embedded_aws(ROOT), environments.sam(ROOT)
    for environment in (aws, sam):
        environments.synchronize(environment, ROOT, ROOT / ".venv" / "environments.log")
    ours = Path(sys.executable)
    return {
        "layer": Part(source, ("--only-group", "layer"), ours),
        "cli": Part(source, ("--no-dev",), ours),
        "embedded-aws": Part(source / _ENVIRONMENTS / "ministack", (), aws.python),
        "sam": Part(source / _ENVIRONMENTS / "sam", (), sam.python),
    }


def document(name: str, part: Part, *, moment: int) -> dict[str, Any]:
    """Return one part's document, dated by a Unix time in seconds."""
    uv = str(environments.uv(ROOT))
    export = [uv, "export", "--quiet", "--frozen", "--preview-features", "sbom-export", "--format", "cyclonedx1.5"]
    told: dict[str, Any] = json.loads(_output([*export, "--project", str(part.project), *part.selection]))
    known = _licences(part.python)
    for component in told["components"]:
        if licences := known.get((canonicalize_name(component["name"]), component["version"])):
            component["licenses"] = licences
    told["metadata"]["timestamp"] = datetime.fromtimestamp(moment, UTC).isoformat()
    told["metadata"]["component"]["name"] = f"tokensync-{name}"
    del told["serialNumber"]
    number = uuid.uuid5(_NAMESPACE, json.dumps(told, sort_keys=True))
    return {"$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json", "serialNumber": f"urn:uuid:{number}", **told}


def write(source: Path, dist: Path, version: str, *, moment: int) -> list[Path]:
    """Write all of a source's, and return their paths."""
    written = []
    for name, part in parts(source).items():
        path = dist / f"tokensync-{version}.{name}.cdx.json"
        path.write_text(json.dumps(document(name, part, moment=moment), indent=2) + "\n", encoding="utf-8")
        written.append(path)
    return written


def moment_of_the_commit() -> int:
    """Return SOURCE_DATE_EPOCH, else when the last commit was made."""
    told = os.environ.get("SOURCE_DATE_EPOCH") or _output(["git", "-C", str(ROOT), "log", "-1", "--format=%ct"])
    return int(told)


def _licences(python: Path) -> dict[tuple[str, str], Any]:
    """Return the licences of what an environment has, by name and version."""
    told = _output([sys.executable, "-m", "cyclonedx_py", "environment", "--sv", "1.5", "--no-validate", str(python)])
    return {
        (canonicalize_name(component["name"]), component["version"]): component["licenses"]
        for component in json.loads(told)["components"]
        if "licenses" in component
    }


def _output(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def main() -> None:
    """Write them for the version of `pyproject.toml`, and say where."""
    from release import version_of  # noqa: PLC0415 - it writes these documents too

    dist = ROOT / "dist"
    dist.mkdir(exist_ok=True)
    for path in write(ROOT, dist, version_of(ROOT), moment=moment_of_the_commit()):
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
