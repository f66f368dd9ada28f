"""What an autoencoder of any kind can be asked to do beside giving back its input: shared fields of the configs."""

from dataclasses import field
from typing import Literal

from huggingface_hub.dataclasses import strict

from .image import ImageConfig

EXACT_CONTRACTIVE_LIMIT = 64  # units of the code; the exact penalty costs a backward pass for each


@strict
class PretrainingOptions(ImageConfig):
    """Corrupted input, sparse, contractive and variational codes. Without any of them: a plain autoencoder.

    Penalties are counted for each image beside the squared error summed over its pixels.

    Args:
        corruption: what is done to the input while training; the target stays clean (Vincent et al. 2008, Extracting
            and Composing Robust Features with Denoising Autoencoders). Any of "turn" (a random quarter turn: what is
            upright must be recognised, as when the turn itself is predicted, Gidaris et al. 2018), "warp" (a random
            affine map), "mask" (patches set to 0), "gaussian" (noise) and "salt_and_pepper" (pixels set to 0 or 1), in
            this order. Vincent et al. 2010, Stacked Denoising Autoencoders, compare the last three.
        mask_ratio: share of the patches that "mask" hides, in every image exactly round(ratio * patches).
        mask_patch_size: side of such a patch, in pixels; 1 hides single pixels.
        noise_std: of "gaussian", in units of the pixel range [0, 1].
        salt_and_pepper_ratio: share of the pixels set, half of them to 1.
        warp_degrees, warp_shift, warp_scale, warp_shear: largest rotation, shift (share of the side), change of scale
            and shear of "warp".
        warp_elastic: largest shift, as a share of the side, of the points of a coarse grid that bends the image
            smoothly beside that (Simard et al. 2003); 0 for none.
        sparsity: "l1" (a penalty on the size of the code), "top_k" (all but the `top_k` largest units are set to 0:
            Makhzani and Frey 2013, k-Sparse Autoencoders), "kl" (the code passes a sigmoid, and the mean activity of
            each unit is drawn to `sparsity_target`: Ng 2011, Sparse Autoencoder), or "none".
        sparsity_weight: of "l1" and "kl".
        sparsity_target: mean activity of a unit, for "kl".
        top_k: units that stay.
        contractive_weight: of the squared Frobenius norm of the encoder's Jacobian (Rifai et al. 2011, Contractive
            Auto-Encoders); 0 for none.
        contractive_estimate: "exact", for codes of up to 64 units, or "hutchinson", one random projection a step.
        variational: the encoder gives mean and variance, and the decoder sees a sample (Kingma and Welling 2014,
            Auto-Encoding Variational Bayes). `latents` are the mean in eval mode.
        kl_weight: of the divergence from the standard normal; 1 with this squared error is a decoder of variance 1/2.
        kl_warmup_steps: forward passes in training mode over which that weight rises from 0 (Bowman et al. 2016,
            Generating Sentences from a Continuous Space).
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
    sparsity: Literal["none", "l1", "top_k", "kl"] = "none"
    sparsity_weight: float | int = 0.1
    sparsity_target: float | int = 0.05
    top_k: int = 8
    contractive_weight: float | int = 0.0
    contractive_estimate: Literal["exact", "hutchinson"] = "exact"
    variational: bool = False
    kl_weight: float | int = 1.0
    kl_warmup_steps: int = 0

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

    def validate_penalties(self) -> None:
        """Weights that are finite, and options that go together."""
        for name in ("sparsity_weight", "contractive_weight", "kl_weight", "kl_warmup_steps"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} must be a finite number, 0 or larger, got {getattr(self, name)}.")
        if self.sparsity == "top_k" and not 0 < self.top_k < self.latent_size:
            raise ValueError(f"top_k must lie between 0 and latent_size ({self.latent_size}), got {self.top_k}.")
        if self.sparsity == "kl" and not 0 < self.sparsity_target < 1:
            raise ValueError(f"sparsity_target must lie between 0 and 1, got {self.sparsity_target}.")
        if self.variational and (self.sparsity != "none" or self.contractive_weight > 0):
            raise ValueError(
                "variational cannot be combined with sparsity or contractive_weight; leave one of them out."
            )
        if self.kl_warmup_steps and not self.variational:
            raise ValueError("kl_warmup_steps is of a variational code; set variational, or leave it out.")
        too_wide = self.latent_size > EXACT_CONTRACTIVE_LIMIT and self.contractive_estimate == "exact"
        if self.contractive_weight > 0 and too_wide:
            raise ValueError(
                f"the exact contractive penalty is for codes of up to {EXACT_CONTRACTIVE_LIMIT} units, latent_size is "
                f"{self.latent_size}. Set contractive_estimate='hutchinson'."
            )
