"""The entrance: one command, its exit code.

Exit codes: 0 done, 1 failed, 2 wrong use, 3 done in part (some files failed, each named).
"""

from __future__ import annotations

import argparse
import io
import logging
import os
import sys
from collections.abc import Callable, Sequence

from ragapp.cli.output import DONE, FAILED, WRONG_USE
from ragapp.cli.parser import build_parser
from ragapp.errors import Cancelled, RagappError, SettingsError, UsageError
from ragapp.offline import keep_local
from ragapp.settings import Settings, forget_secrets, load_settings, setting_names


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    _print_anything()
    options = build_parser().parse_args(arguments)
    keep_local()
    # Said outright, or tokenizers gives up its threads once a process has been started.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    logging.basicConfig(
        level=logging.DEBUG if options.verbose else logging.WARNING,
        format="%(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    logging.getLogger("pypdf").setLevel(logging.ERROR)  # what matters of it, a reader says itself
    try:
        settings = load_settings({key: getattr(options, key, None) for key in setting_names()})
        forget_secrets()
        command: Callable[[argparse.Namespace, Settings], int] = options.run
        return command(options, settings)
    except (UsageError, SettingsError) as error:
        return _fail(error, WRONG_USE)
    except RagappError as error:
        return _fail(error, FAILED)
    except KeyboardInterrupt:
        _say("stopped")
        return FAILED
    except BrokenPipeError:
        # The reader has gone (`ragapp search … | head`); keep the interpreter from complaining.
        sys.stdout = None
        return DONE


def _print_anything() -> None:
    """Print what the terminal's encoding lacks as an escape, in place of ending the command.

    In JSON, what stands for the bytes of an odd file name becomes the escape that JSON has for it.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _fail(error: RagappError, code: int) -> int:
    _say(f"ragapp: {error}")
    return FAILED if isinstance(error, Cancelled) else code
