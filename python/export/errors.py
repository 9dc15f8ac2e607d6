"""What an export refuses, and how a folder comes about whole or not at all."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


class Refused(Exception):
    """What was wrong, where, and what to do; shown to the user as it is."""


@contextmanager
def made_whole(out: Path, force: bool) -> Iterator[Path]:
    """A hidden folder beside `out` that becomes `out` when all went well; a failure leaves nothing, nor takes an old one away."""
    if out.exists() and not force:
        raise Refused(f"{out}: is there already; name another folder, or replace it with --force")
    out.parent.mkdir(parents=True, exist_ok=True)
    stage, aside = (out.parent / f".{out.name}.{kind}-{os.getpid()}" for kind in ("part", "old"))
    stage.mkdir()
    try:
        yield stage
        if out.exists():
            out.rename(aside)
        stage.rename(out)
        shutil.rmtree(aside, ignore_errors=True)
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def reported(work: Callable[[], None], out: Path) -> int:
    """The exit status of `work`; what it refuses goes to standard error."""
    try:
        work()
    except Refused as refused:
        print(f"error: {refused}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {error.filename or out}: {error.strerror or error}", file=sys.stderr)
        return 1
    return 0
