"""What an autoencoder of any kind can be asked to do beside giving back its input: shared fields of the configs."""

from typing import Literal

from huggingface_hub.dataclasses import strict

from .corruption_options import CorruptionOptions

EXACT_CONTRACTIVE_LIMIT = 64  # units of the code; the exact penalty costs a backward pass for each


@strict
class PretrainingOptions(CorruptionOptions):
    """Sparse, contractive and variational codes, and corrupted input by the fields of `CorruptionOptions`. Without any
    of them: a plain autoencoder.

    Penalties are counted for each image beside the squared error summed over its pixels.

    Args:
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

    sparsity: Literal["none", "l1", "top_k", "kl"] = "none"
    sparsity_weight: float | int = 0.1
    sparsity_target: float | int = 0.05
    top_k: int = 8
    contractive_weight: float | int = 0.0
    contractive_estimate: Literal["exact", "hutchinson"] = "exact"
    variational: bool = False
    kl_weight: float | int = 1.0
    kl_warmup_steps: int = 0

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
