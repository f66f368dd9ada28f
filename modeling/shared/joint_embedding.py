"""Joint embedding: views of one sample are drawn together, samples are kept apart. Knows no kind of input."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from .chance import Chance, Fixed, normal
from .evaluating import wants_loss
from .layers import RowNorm
from .outputs import RowsAndScalars
from .pretrainable import Pretrainable

COLLAPSED = 0.05  # spread of a unit of the projection, as a share of what VICReg asks for, that says nothing is left
MOST_RANK = 3.0  # effective rank of the embedding up to which it is nearly collapsed
KNOTS = 17  # points between 0 and 3 at which SIGReg compares characteristic functions


@dataclass
class JointEmbeddingOutput(RowsAndScalars):
    """
    Args:
        latents: (B, D), the embedding of each sample as it is, in training mode of its first view.
        loss: what pretraining minimises, a scalar; None with `return_loss=False` or without a projector.
        distance: scalar, the part of the loss that draws the views of a sample together.
        apart: scalar, the part that keeps samples apart.
        spread: scalar, standard deviation of a unit of the projection over the batch, mean over units.
        hidden_states: with `output_hidden_states`, what the encoder's layers give, (B, ...) each.
        attentions: with `output_attentions`, (B, heads, N, N) of each layer of a backbone that attends.
    """

    latents: torch.FloatTensor | None = None
    loss: torch.FloatTensor | None = None
    distance: torch.FloatTensor | None = None
    apart: torch.FloatTensor | None = None
    spread: torch.FloatTensor | None = None
    hidden_states: tuple[torch.FloatTensor, ...] | None = None
    attentions: tuple[torch.FloatTensor, ...] | None = None


class Projector(nn.Sequential):
    """(N, D) embeddings -> (N, P) what the loss compares: linear layers, each but the last with batch norm and ReLU.

    None has a bias: a norm takes it away again, and what compares differences does not see it.

    Args:
        width: D.
        sizes: of the layers; the last is P.
    """

    def __init__(self, width: int, sizes: list[int]):
        layers: list[nn.Module] = []
        for before, after in zip([width, *sizes[:-1]], sizes, strict=True):
            layers += [nn.Linear(before, after, bias=False), RowNorm(after), nn.ReLU()]
        super().__init__(*layers[:-2])


class JointEmbedding(Pretrainable):
    """The answers of a joint embedding of any kind of input, and its forward.

    A family has `projector` (None in a bare encoder), makes views in `views(inputs, generator) -> (V * B, ...)`, the
    first B of them the first view of each sample, and embeds them in `embed(views) -> (V * B, D)`.
    """

    logged_outputs = ("distance", "apart", "spread")
    pretraining_parts = ("projector",)
    keeps = "The embedding keeps what the views of a sample have in common, and forgets what the views change."

    @property
    def loss_name(self) -> str:
        """What `loss` is, for people."""
        return {"vicreg": "VICReg's loss", "simclr": "SimCLR's loss", "sigreg": "LeJEPA's loss"}[self.config.objective]

    def join(
        self,
        inputs: torch.Tensor,
        whole: Callable[[], torch.Tensor],
        return_loss: bool,
        generator: torch.Generator | None,
    ) -> JointEmbeddingOutput:
        """Make views, embed them, compare.

        Args:
            inputs: (B, ...), samples as they are.
            whole: gives the (B, D) embeddings of the samples as they are, no views.
            return_loss: False leaves the loss out, and the views.
            generator: of the views and SIGReg's directions; None for the default one. In eval mode there is no
                chance: views and directions are the same each time.
        """
        if self.projector is None or not wants_loss(return_loss):
            return JointEmbeddingOutput(latents=whole())
        if not self.training:
            generator = Fixed()
        embeddings = self.embed(self.views(inputs, generator))  # (V * B, D)
        projections = self.projector(embeddings).unflatten(0, (self.config.num_views, inputs.shape[0]))  # (V, B, P)
        with torch.autocast(projections.device.type, enabled=False):  # variances of few bits are none
            distance, apart = objective(projections.float(), self.config, generator)
            spread = projections.detach().float().std(1, correction=0).mean()
        latents = embeddings[: inputs.shape[0]] if self.training else whole()
        return JointEmbeddingOutput(latents, distance + apart, distance.detach(), apart.detach(), spread)

    def warnings(self, output: JointEmbeddingOutput) -> list[str]:
        """Whether all samples have nearly one embedding."""
        rank = effective_rank(output.latents)
        if len(output.latents) < 16 or (rank > MOST_RANK and output.spread > COLLAPSED):
            return []
        repair = {
            "vicreg": "a larger config.variance_weight",
            "simclr": "a larger batch or config.temperature",
            "sigreg": "a larger config.sigreg_weight",
        }[self.config.objective]
        return [
            f"the embedding is nearly collapsed: its effective rank is {rank:.1f} of {output.latents.shape[1]}. Train "
            f"longer or with a lower --learning_rate; if it stays so, with {repair}."
        ]


def effective_rank(embeddings: torch.Tensor) -> float:
    """exp of the entropy of the shares of variance of the principal components (Roy and Vetterli 2007) of (B, D)."""
    centred = embeddings.detach().float() - embeddings.detach().float().mean(0)
    variances = torch.linalg.svdvals(centred).square()
    shares = variances / variances.sum().clamp_min(1e-30)
    return float(torch.special.entr(shares).sum().exp())


def objective(projections: torch.Tensor, config: Any, generator: Chance) -> tuple[torch.Tensor, torch.Tensor]:
    """(V, B, P) projections -> two scalars, what draws views together and what keeps samples apart; see `config`."""
    if config.objective == "simclr":
        return simclr(projections, config.temperature)
    if config.objective == "sigreg":
        along = normal((projections.shape[2], config.sigreg_directions), projections.device, generator)
        from_mean = (projections - projections.mean(0)).square().mean()
        return (1 - config.sigreg_weight) * from_mean, config.sigreg_weight * sigreg(projections, along)
    apart = config.variance_weight * variance_lack(projections) + config.covariance_weight * covariance(projections)
    return config.invariance_weight * mean_distance(projections), apart


def mean_distance(projections: torch.Tensor) -> torch.Tensor:
    """(V, B, P) -> scalar: squared difference of two views, mean over pairs of views, samples and units."""
    views = len(projections)
    return 2 * views / (views - 1) * (projections - projections.mean(0)).square().mean()


def variance_lack(projections: torch.Tensor) -> torch.Tensor:
    """(V, B, P) -> scalar: what a unit's standard deviation lacks of 1, mean over units, summed over views."""
    return F.relu(1 - (projections.var(1, correction=0) + 1e-4).sqrt()).mean(1).sum()


def covariance(projections: torch.Tensor) -> torch.Tensor:
    """(V, B, P) -> scalar: squared covariances of different units, summed over pairs of them and over views, by P."""
    views, samples, width = projections.shape
    centred = projections - projections.mean(1, keepdim=True)
    matrix = centred.transpose(1, 2) @ centred / max(1, samples - 1)  # (V, P, P)
    own = torch.diagonal(matrix, dim1=1, dim2=2)
    return (matrix.square().sum() - own.square().sum()) / width


def simclr(projections: torch.Tensor, temperature: float) -> tuple[torch.Tensor, torch.Tensor]:
    """(V, B, P) -> minus the likeness of views of one sample, and the log of the sum over all other samples' views.

    Their sum is the normalised temperature-scaled cross-entropy, mean over views and their partners.
    """
    views, samples, _ = projections.shape
    z = F.normalize(projections, dim=2).flatten(0, 1)  # (V * B, P)
    likeness = z @ z.T / temperature
    likeness = likeness.masked_fill(torch.eye(z.shape[0], dtype=torch.bool, device=z.device), float("-inf"))
    of = torch.arange(samples, device=z.device).repeat(views)
    partners = (of[:, None] == of[None, :]).fill_diagonal_(False)
    alike = likeness.masked_fill(~partners, 0.0).sum() / (z.shape[0] * (views - 1))
    return -alike, likeness.logsumexp(1).mean()


def sigreg(projections: torch.Tensor, directions: torch.Tensor) -> torch.Tensor:
    """How far (V, B, P) are from a standard normal along (P, A) directions: the statistic of Epps and Pulley (1983),
    mean over directions and views."""
    t = torch.linspace(0, 3, KNOTS, device=projections.device)
    normal = torch.exp(-t.square() / 2)  # its characteristic function, and the weight of each point
    weights = torch.full_like(t, 2 * 3 / (KNOTS - 1))
    weights[[0, -1]] /= 2  # the trapezium rule, both sides of 0
    along = projections @ F.normalize(directions, dim=0)  # (V, B, A)
    angles = along[..., None] * t  # (V, B, A, KNOTS)
    error = (angles.cos().mean(1) - normal).square() + angles.sin().mean(1).square()  # (V, A, KNOTS)
    return (error @ (weights * normal)).mean() * projections.shape[1]
