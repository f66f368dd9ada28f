"""A game of two networks in one backward pass: the losses of a discriminator and of what it judges."""

import torch
from torch import nn
from torch.nn import functional as F


def frozen(module: nn.Module, *inputs: torch.Tensor) -> torch.Tensor:
    """Call `module` on (B, ...) inputs, parameters detached, buffers thrown away: gradients reach the inputs only."""
    if not module.training and not torch.is_grad_enabled():
        return module(*inputs)  # nothing changes; and parameters that accelerate keeps on a disk stay what they are
    state = {name: value.detach() for name, value in module.named_parameters()}
    state |= {name: value.clone() for name, value in module.named_buffers()}
    return torch.func.functional_call(module, state, inputs)


def play(
    discriminator: nn.Module, images: torch.Tensor, codes: torch.Tensor, r1_weight: float = 0.0
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The game of discriminator against encoder and generator, as losses that can be added and minimised together.

    The gradients of the sum are those of two backward passes, one for each side, at the same weights: the first
    term sees detached pairs, the others go through a discriminator with detached weights.

    Args:
        discriminator: (images, codes) -> (2B,) logits.
        images: (2B, C, H, W), real images and then generated ones.
        codes: (2B, D), what the encoder made of the former and what the latter were generated from.
        r1_weight: 0 for no penalty.

    Returns:
        Scalars: discriminator loss, generator loss, R1 penalty with its weight.
    """
    pairs = images.detach(), codes.detach()
    if r1_weight:
        pairs = pairs[0].requires_grad_(), pairs[1].requires_grad_()
    real, made = _judged(discriminator(*pairs))  # (B,) each; first, since it updates what the frozen call reads
    discriminator_loss = (F.softplus(-real) + F.softplus(made)).mean()
    penalty = real.new_zeros(())
    if r1_weight:
        gradients = torch.autograd.grad(real.sum(), pairs, create_graph=True)  # 0 in the generated half
        penalty = r1_weight / 2 * sum(gradient.square().sum() for gradient in gradients) / real.shape[0]
    real, made = _judged(frozen(discriminator, images, codes))
    return discriminator_loss, (F.softplus(real) + F.softplus(-made)).mean(), penalty


def _judged(logits: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """(2B,) logits -> (B,) of the real pairs and (B,) of the others, in float32 at least: the small differences that
    the game is about are lost in the half of its bits that autocast leaves."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32)).chunk(2)


def relative_spread(made: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    """Root of the variance over (B, ...) generated images, summed over pixels, over that of the real; a scalar."""
    spread = [images.detach().var(0, correction=0).sum().sqrt() for images in (made, real)]
    return spread[0] / spread[1].clamp(min=1e-6)
