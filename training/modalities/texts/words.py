"""Texts as they are stored: clean, as compact arrays of strings; what tells one from another."""

import hashlib
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np

STRINGS = np.dtypes.StringDType()  # texts of any length beside each other, each as long as it is


def cleaned(text: str) -> str:
    """`text` without what no encoding can hold: pairs of surrogates become their letter, single ones U+FFFD."""
    try:
        text.encode()
        return text
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def as_strings(texts: Sequence[str]) -> np.ndarray:
    """Clean texts -> (N,) strings."""
    return np.array(list(texts), dtype=STRINGS)


def fingerprint_of(values: np.ndarray) -> str:
    """(N,) texts -> what changes whenever one of them does."""
    digest = hashlib.sha256()
    for text in values:
        raw = text.encode()
        digest.update(len(raw).to_bytes(8, "little") + raw)
    return digest.hexdigest()[:16]


def text_digests(values: np.ndarray) -> np.ndarray:
    """(N,) texts -> (N,) uint64: equal for texts that differ in white space or in how letters are composed alone."""
    found = np.empty(len(values), dtype="<u8")
    for row, text in enumerate(values):
        plain = " ".join(unicodedata.normalize("NFC", text).split())
        found[row] = int.from_bytes(hashlib.blake2b(plain.encode(), digest_size=8).digest(), "little")
    return found


def facts_of(values: np.ndarray) -> list[str]:
    """What (N,) texts are like, a line each."""
    counts = np.fromiter((len(text.split()) for text in values), dtype=np.int64, count=len(values))
    low, middle, high = (int(np.quantile(counts, share)) for share in (0, 0.5, 1))
    lines = [f"{low:,} to {high:,} words a text, half of them up to {middle:,}"]
    empty = int((counts == 0).sum())
    return [*lines, f"{empty:,} texts are empty"] if empty else lines


def decoded(raw: bytes, encoding: str | None) -> str:
    """The text of a file.

    Args:
        encoding: as the user says; None: UTF-8, or UTF-16 where the file begins as that does.

    Raises:
        UnicodeDecodeError, LookupError: it is not in that encoding; there is none of that name.
    """
    if encoding is not None:
        return raw.decode(encoding)
    return raw.decode("utf-16" if raw.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig")


def is_text(feature: Any) -> bool:
    """Whether a `datasets` feature is a column of texts."""
    return str(getattr(feature, "dtype", "")) in ("string", "large_string")
