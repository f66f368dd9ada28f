"""What is raised for files that are damaged: checkpoints, which may also be out of reach, and arrays."""

import struct
import tokenize
import zipfile
import zlib

from huggingface_hub.errors import HTTPError, StrictDataclassError
from safetensors import SafetensorError

# TypeError and the like: of files whose values are of other types than the code of transformers takes
LOADING_ERRORS = (
    OSError, ValueError, LookupError, RuntimeError, TypeError, AttributeError, ArithmeticError, AssertionError,
    MemoryError, ImportError, StrictDataclassError, SafetensorError, HTTPError,
)  # fmt: skip
# Of .npy and .npz, and of JSON; SyntaxError, TokenError: of a header that is cut off or flipped
UNREADABLE = (
    ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile, zlib.error, struct.error, TypeError, MemoryError,
    OverflowError, NotImplementedError, RuntimeError, SyntaxError, tokenize.TokenError, RecursionError,
)  # fmt: skip
