"""Measures how long a function's cold start takes: two built layers side by side, in turn, each in a fresh process.

Build the layer of each project for this machine's processor, then compare them with the Python that the layers were
compiled for:

    mkdir /tmp/old /tmp/new
    ARTIFACTS_DIR=/tmp/old TOKENSYNC_ARCHITECTURE=x86_64 make -f OLD/layers/core/Makefile build-CoreLayer
    ARTIFACTS_DIR=/tmp/new TOKENSYNC_ARCHITECTURE=x86_64 make -f NEW/layers/core/Makefile build-CoreLayer
    python3.13 tests/bench/init_time.py --before /tmp/old OLD/functions --after /tmp/new NEW/functions

It prints the median of each function in milliseconds and how the second compares with the first. The machine should
have nothing else to do. It needs nothing but the standard library, and nothing is sent anywhere.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from statistics import median

FUNCTIONS = ("callback", "rotation")
# Whatever an app.py needs to be imported; what the template sets, with stubs as values.
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "stub",
    "AWS_SECRET_ACCESS_KEY": "stub",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "POWERTOOLS_METRICS_NAMESPACE": "tokensync",
    "TOKENSYNC_ALERT_TOPIC_ARN": "arn:aws:sns:eu-central-1:111122223333:alerts",
    "TOKENSYNC_CLAIM_SECONDS": "180",
    "TOKENSYNC_DEAD_LETTER_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/111122223333/dead",
    "TOKENSYNC_INVITE_KEY": "stub/invite-key",
    "TOKENSYNC_KEY_ARN": "arn:aws:kms:eu-central-1:111122223333:key/stub",
    "TOKENSYNC_PREFIX": "stub",
    "TOKENSYNC_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/111122223333/work",
    "TOKENSYNC_STACK": "stub",
    "TOKENSYNC_TABLE": "stub",
}
# Arguments: the layer's `python` folder and the app.py. The layer alone is on the path, as nothing else is on Lambda.
_CHILD = """
import sys, time
sys.path.insert(0, sys.argv[1])
from importlib.util import module_from_spec, spec_from_file_location
spec = spec_from_file_location("app", sys.argv[2])
began = time.perf_counter()
spec.loader.exec_module(module_from_spec(spec))
print((time.perf_counter() - began) * 1000)
"""


def init_milliseconds(layer: Path, app: Path) -> float:
    """Import an app.py in a fresh interpreter and return the milliseconds that it took."""
    command = [sys.executable, "-I", "-S", "-B", "-c", _CHILD, str(layer / "python"), str(app)]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=True)
    return float(done.stdout)


def main() -> None:
    """Read the arguments, measure, and print a line for each function."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for side in ("before", "after"):
        parser.add_argument(f"--{side}", nargs=2, type=Path, required=True, metavar=("LAYER", "FUNCTIONS"))
    parser.add_argument(
        "--runs", type=int, default=15, help="of each layer and function, after one that is thrown away"
    )
    asked = parser.parse_args()
    for function in FUNCTIONS:
        taken: tuple[list[float], list[float]] = ([], [])
        for run in range(asked.runs + 1):
            for (layer, functions), times in zip((asked.before, asked.after), taken, strict=True):
                milliseconds = init_milliseconds(layer, functions / function / "app.py")
                if run:
                    times.append(milliseconds)
        before, after = map(median, taken)
        print(f"{function:9} before {before:6.0f} ms   after {after:6.0f} ms   ratio {after / before:.3f}")  # noqa: T201


if __name__ == "__main__":
    main()
