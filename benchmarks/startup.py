"""How long `ragapp --help` takes, and `ragapp serve` until its first page, as JSON.

    python benchmarks/startup.py [--rounds 5]

Uses the models and knowledge bases of the present settings.
"""

from __future__ import annotations

import argparse
import json
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request


def help_seconds() -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "ragapp.cli", "--help"], check=True, capture_output=True)
    return time.perf_counter() - started


def first_page_seconds() -> float:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = time.perf_counter()
    server = subprocess.Popen(
        [sys.executable, "-m", "ragapp.cli", "serve", "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while time.perf_counter() - started < 120:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=30) as page:
                    page.read()
                return time.perf_counter() - started
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.05)
        raise SystemExit("the server did not answer within 120 s")
    finally:
        server.terminate()
        server.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    helps = [help_seconds() for _ in range(options.rounds)]
    pages = [first_page_seconds() for _ in range(options.rounds)]
    print(
        json.dumps(
            {
                "help_s": statistics.median(helps),
                "first_page_s": statistics.median(pages),
                "first_page_worst_s": max(pages),
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
