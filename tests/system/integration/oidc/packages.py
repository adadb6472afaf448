"""The locked npm packages, installed once for each lock into `.venv/oidc-provider/`."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
CACHE = HERE.parents[3] / ".venv" / "oidc-provider"
OLDEST_NODE = 20
PATIENCE = 180  # seconds for an installation


class Unavailable(Exception):
    """The server cannot run on this machine; the text says what is missing."""


def node() -> str:
    """Return the path of Node.

    Raises:
        Unavailable: Node is missing or too old.
    """
    path = shutil.which("node")
    if path is None:
        raise Unavailable(f"there is no Node: install Node {OLDEST_NODE} or newer, and npm")
    told = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(told.removeprefix("v").partition(".")[0]) < OLDEST_NODE:
        raise Unavailable(f"Node is {told}: install Node {OLDEST_NODE} or newer")
    return path


def installed() -> Path:
    """Return the directory that holds `node_modules` as the lock names them, and install them if they are not there.

    Raises:
        Unavailable: npm is missing or cannot reach its registry.
    """
    lock = (HERE / "package-lock.json").read_bytes()
    home = CACHE / hashlib.sha256(lock).hexdigest()[:16]
    if home.is_dir():
        return home
    npm = shutil.which("npm")
    if npm is None:
        raise Unavailable("there is no npm: install it beside Node")
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as directory:
        fresh = Path(directory) / "fresh"
        fresh.mkdir()
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, fresh)
        _install(npm, fresh)
        try:
            # Whole or not at all: several test processes may install at once.
            fresh.rename(home)
        except OSError:
            if not home.is_dir():
                raise
    return home


def _install(npm: str, directory: Path) -> None:
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    environment = {name: value for name, value in os.environ.items() if name != "NODE_ENV"}
    try:
        done = subprocess.run(
            command, cwd=directory, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(f"npm ci did not end within {PATIENCE} seconds") from None
    if done.returncode:
        raise Unavailable(f"npm ci failed: {done.stderr.strip()[-500:]}")
