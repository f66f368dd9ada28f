"""Pictures of hospitals, DICOM and NIfTI, as TIFF files that hold their values: each slice a page."""

from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image

from ....modeling.processors.opening import VOLUME
from ...errors import InputError


def dicom_to_tiff(source: str, target: Path) -> None:
    """Write a DICOM file's pixels, in Hounsfield units or whatever its rescaling gives, as TIFF.

    Raises:
        InputError: pydicom is missing.
        ValueError, AttributeError: there are no pixels, or they are packed in a way that cannot be read here.
    """
    try:
        import pydicom
        from pydicom.errors import InvalidDicomError
        from pydicom.pixels import apply_rescale
    except ImportError:
        raise InputError(f'{source} is a DICOM file, read with pydicom: pip install "pretune[formats]".') from None
    try:
        data = pydicom.dcmread(source)
        pixels = data.pixel_array
    except InvalidDicomError as error:
        raise ValueError(str(error)) from None
    if int(data.get("SamplesPerPixel", 1)) == 1:
        if data.get("PhotometricInterpretation") == "MONOCHROME1":  # white stands for the lowest value
            top = -1 if data.get("PixelRepresentation") else 2 ** int(data.BitsStored) - 1
            pixels = top - pixels.astype(np.int64)  # of the type, not of this file: all files keep one scale
        pixels = apply_rescale(pixels, data)
    frames = int(data.get("NumberOfFrames", 1) or 1)
    save_pages(pixels if frames > 1 else pixels[None], target)


def nifti_to_tiff(source: str, target: Path) -> None:
    """Write the slices of a NIfTI volume, along its last axis and with its scaling, as pages of a TIFF.

    Raises:
        InputError: nibabel is missing.
        ValueError: it is no volume.
    """
    try:
        import nibabel
        from nibabel.filebasedimages import ImageFileError
    except ImportError:
        raise InputError(f'{source} is a NIfTI file, read with nibabel: pip install "pretune[formats]".') from None
    try:
        volume = np.asanyarray(nibabel.load(source).dataobj)
    except ImageFileError as error:
        raise ValueError(str(error)) from None
    if volume.ndim < 2:
        raise ValueError(f"a volume of shape {volume.shape}, expected two axes or more")
    volume = volume.reshape(*volume.shape[:2], -1)
    save_pages(np.moveaxis(volume, (2, 1), (0, 1)), target)  # rows are the second axis there


def save_pages(pages: np.ndarray, target: Path) -> None:
    """(P, H, W) or (P, H, W, 3) pages of any type, as a TIFF without loss that says that they are slices; written
    whole or not at all."""
    pictures = [_picture(page) for page in pages]
    part = target.with_name(f".{target.name}")
    try:
        pictures[0].save(part, "TIFF", save_all=True, append_images=pictures[1:], description=VOLUME)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _picture(page: np.ndarray) -> Any:
    if page.dtype == bool:
        page = page.astype(np.uint8) * np.uint8(255)
    if page.ndim == 3 or page.dtype == np.uint8:
        return PIL.Image.fromarray(np.ascontiguousarray(page.astype(np.uint8)))
    if np.issubdtype(page.dtype, np.integer) or (np.isfinite(page).all() and (page == np.rint(page)).all()):
        whole = np.rint(page)
        if 0 <= whole.min() and whole.max() < 2**16:
            return PIL.Image.fromarray(np.ascontiguousarray(whole.astype(np.uint16)))
        if -(2**31) <= whole.min() and whole.max() < 2**31:
            return PIL.Image.fromarray(np.ascontiguousarray(whole.astype(np.int32)))
    return PIL.Image.fromarray(np.ascontiguousarray(page.astype(np.float32)))
