"""What is done to images before the encoder sees them: shared fields of the configs of families that learn so."""

from dataclasses import field

from huggingface_hub.dataclasses import strict

from .image import ImageConfig


@strict
class CorruptionOptions(ImageConfig):
    """Corrupted input while training.

    Args:
        corruption: what is done to an image before the encoder sees it, while training; what is to be learnt of it
            stays clean (Vincent et al. 2008, Extracting and Composing Robust Features with Denoising Autoencoders).
            Any of "turn" (a random quarter turn: what is upright must be recognised, as when the turn itself is
            predicted, Gidaris et al. 2018), "warp" (a random affine map), "mask" (patches set to 0), "gaussian"
            (noise) and "salt_and_pepper" (pixels set to 0 or 1), in this order. Vincent et al. 2010, Stacked Denoising
            Autoencoders, compare the last three.
        mask_ratio: share of the patches that "mask" hides, in every image exactly round(ratio * patches).
        mask_patch_size: side of such a patch, in pixels; 1 hides single pixels.
        noise_std: of "gaussian", in units of the pixel range [0, 1].
        salt_and_pepper_ratio: share of the pixels set, half of them to 1.
        warp_degrees, warp_shift, warp_scale, warp_shear: largest rotation, shift (share of the side), change of scale
            and shear of "warp".
        warp_elastic: largest shift, as a share of the side, of the points of a coarse grid that bends the image
            smoothly beside that (Simard et al. 2003); 0 for none.
    """

    corruption: list[str] = field(default_factory=list)
    mask_ratio: float | int = 0.3
    mask_patch_size: int = 4
    noise_std: float | int = 0.3
    salt_and_pepper_ratio: float | int = 0.2
    warp_degrees: float | int = 20.0
    warp_shift: float | int = 0.12
    warp_scale: float | int = 0.2
    warp_shear: float | int = 0.2
    warp_elastic: float | int = 0.0

    def validate_corruption(self) -> None:
        """Known kinds, and a mask that hides some patches and not all."""
        known = ("turn", "warp", "mask", "gaussian", "salt_and_pepper")
        unknown = [name for name in self.corruption if name not in known]
        if unknown:
            raise ValueError(f"corruption {unknown[0]!r} is unknown: expected some of {', '.join(known)}.")
        if "mask" in self.corruption:
            size, patch = self.image_size, self.mask_patch_size
            if patch < 1 or size % patch:
                raise ValueError(f"mask_patch_size {patch} does not divide image_size {size}.")
            if not 0 <= self.mask_ratio <= 1:
                raise ValueError(f"mask_ratio must lie between 0 and 1, got {self.mask_ratio}.")
            hidden, patches = round((size // patch) ** 2 * self.mask_ratio), (size // patch) ** 2
            if not 0 < hidden < patches:
                raise ValueError(
                    f"mask_ratio {self.mask_ratio} hides {hidden} of {patches} patches; expected some, and not all."
                )
        if not 0 < self.salt_and_pepper_ratio < 1 or not 0 < self.noise_std < float("inf"):
            raise ValueError(
                f"salt_and_pepper_ratio must lie between 0 and 1 and noise_std be a finite number above 0, got "
                f"{self.salt_and_pepper_ratio} and {self.noise_std}."
            )

    def validate_warp(self) -> None:
        """Limits within which an image stays one, and a warp that moves something."""
        limits = {"warp_degrees": 180, "warp_shift": 1, "warp_scale": 0.95, "warp_shear": 2, "warp_elastic": 0.49}
        for name, most in limits.items():
            if not 0 <= getattr(self, name) <= most:
                raise ValueError(f"{name} must lie between 0 and {most}, got {getattr(self, name)}.")
        if "warp" in self.corruption and not any(getattr(self, name) > 0 for name in limits):
            raise ValueError(f"corruption 'warp' moves nothing: set one of {', '.join(limits)} above 0.")
