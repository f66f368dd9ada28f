"""Paths of this machine, shortened to their last part in whatever leaves it: they name users, disks and projects."""

import re
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path, PureWindowsPath
from typing import Any

BEFORE, AFTER = r"(?<![\w.~:/\\-])", r"(?![\w/\\.-])"  # of a path in a text: nothing that it could be a part of
# Two folders deep or more: `and/or` and `me/data` are no paths of a machine. Or of Windows, or of a URL of files.
ABSOLUTE = re.compile(
    BEFORE + r"(?:file://)?(?:~?/(?:[^\s/'\"`,;()\[\]]+/)+[^\s/'\"`,;()\[\]]*|[A-Za-z]:[\\/][^\s'\"`,;()\[\]]+)"
)
KEPT = ("labels", "label_names", "id2label", "label2id")  # names that somebody gave to classes


def without_local_paths(value: Any, known: Iterable[str] = ()) -> Any:
    """A text, or what JSON can hold, with its absolute paths shortened; names of labels stay.

    Args:
        value: is not changed.
        known: paths that are surely some, whatever they hold; see `paths_in`.
    """
    forms = {form for path in known for form in (path, path.rstrip("/\\"), shlex.quote(path)[1:-1]) if len(form) > 1}
    patterns = [
        (re.compile(BEFORE + re.escape(form) + AFTER), _last(form)) for form in sorted(forms, key=len, reverse=True)
    ]  # fmt: skip

    def shorten(part: Any) -> Any:
        if isinstance(part, str):
            for pattern, name in patterns:
                part = pattern.sub(lambda _, name=name: name, part)
            return ABSOLUTE.sub(lambda match: _last(match[0]), part)
        if isinstance(part, dict):
            return {key: inner if key in KEPT else shorten(inner) for key, inner in part.items()}
        return [shorten(inner) for inner in part] if isinstance(part, (list, tuple)) else part

    return shorten(value)


def paths_in(arguments: Any) -> Iterator[str]:
    """The texts among a run's arguments, at any depth, that are absolute paths as a whole."""
    if isinstance(arguments, dict):
        arguments = list(arguments.values())
    if isinstance(arguments, (list, tuple)):
        for value in arguments:
            yield from paths_in(value)
    elif isinstance(arguments, str) and (Path(arguments).is_absolute() or PureWindowsPath(arguments).is_absolute()):
        yield arguments


def _last(path: str) -> str:
    """The last part of a path, whichever way its strokes lean."""
    return re.split(r"[/\\]", path.rstrip("/\\"))[-1] or path
