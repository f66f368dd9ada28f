"""BEST-RQ for speech: a transformer names the codes of hidden frames, and the classifier that its encoder becomes."""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F
from transformers import initialization as init

from ...configuration.speech.best_rq import BestRqConfig
from ..shared.answering import answers_in_full
from ..shared.chance import Chance, Fixed, normal, uniform
from ..shared.classification import classifier_config
from ..shared.evaluating import wants_loss
from ..shared.outputs import RowsAndScalars
from ..shared.pretrainable import Pretrainable
from .encoder import ClassifiesClips, OnClips, SpeechPreTrainedModel, StandardisedLinear
from .transformer import Layer, positions
from .windows import check_frames


@dataclass
class BestRqOutput(RowsAndScalars):
    """
    Args:
        latents: (B, D), the embedding of each clip, in training mode with some of it hidden.
        loss: what pretraining minimises, a scalar; None with `return_loss=False` or without a predictor.
        hits: scalar, the share of hidden tokens whose codes are named rightly.
        hidden_states: with `output_hidden_states`, what the encoder's layers give, (B, N, D) each.
        attentions: None.
    """

    latents: torch.FloatTensor | None = None
    loss: torch.FloatTensor | None = None
    hits: torch.FloatTensor | None = None
    hidden_states: tuple[torch.FloatTensor, ...] | None = None
    attentions: tuple[torch.FloatTensor, ...] | None = None


class TokenEncoder(nn.Module):
    """(B, N, F) tokens -> (B, N, D): a linear layer, positions, and layers of attention."""

    def __init__(self, config: BestRqConfig):
        super().__init__()
        self.to_hidden = nn.Linear(config.frames_per_token * config.num_mel_bins, config.hidden_size)
        self.layers = nn.ModuleList([Layer(config) for _ in range(config.num_hidden_layers)])

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """(B, N, F) -> (B, N, D)."""
        x = self.to_hidden(tokens)
        x = x + positions(x.shape[1], x.shape[2], x)
        for layer in self.layers:
            x = layer(x)
        return x


class Predictor(nn.Module):
    """What only pretraining needs: layers above the encoder, a classifier of codes, and the random projections that
    give the codes and never learn."""

    def __init__(self, config: BestRqConfig):
        super().__init__()
        width = config.frames_per_token * config.num_mel_bins
        self.shape = (config.num_codebooks, config.codebook_size)
        self.layers = nn.ModuleList([Layer(config) for _ in range(config.num_predictor_layers)])
        self.norm = nn.LayerNorm(config.hidden_size)
        self.to_codes = nn.Linear(config.hidden_size, config.num_codebooks * config.codebook_size)
        self.register_buffer("projections", torch.empty(config.num_codebooks, width, config.code_size))
        self.register_buffer("codebooks", torch.empty(config.num_codebooks, config.codebook_size, config.code_size))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, N, D) -> (B, N, K, C) logits of C codes in K codebooks."""
        for layer in self.layers:
            x = layer(x)
        return self.to_codes(self.norm(x)).unflatten(2, self.shape)

    @torch.no_grad()
    def codes(self, tokens: torch.Tensor) -> torch.Tensor:
        """(B, N, F) tokens -> (B, N, K): the nearest code, by direction, to each random projection."""
        x = F.layer_norm(tokens.float(), tokens.shape[-1:])
        projected = torch.einsum("bnf,kfe->bnke", x, self.projections.float())
        codes = F.normalize(self.codebooks.float(), dim=2)
        return torch.einsum("bnke,kce->bnkc", projected, codes).argmax(3)


class BestRqPreTrainedModel(SpeechPreTrainedModel):
    """Names and loading rules that the two models below share."""

    config: BestRqConfig
    base_model_prefix = "speech_best_rq"
    # A bare encoder does without the checkpoint's predictor, a pretrained one without a classifier's head.
    _keys_to_ignore_on_load_unexpected = [r"^(speech_best_rq\.)?predictor\.", r"^classifier\."]

    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, Predictor):
            init.xavier_uniform_(module.projections)
            init.normal_(module.codebooks)


class BestRqModel(OnClips, Pretrainable, BestRqPreTrainedModel):
    """A transformer that names the codes of what it does not hear (Chiu et al. 2022).

    Shapes: B clips, T frames of M bands, N tokens, D = `latent_size`. `input_features` are float in [-1, 1].
    """

    loss_name = "cross-entropy of a hidden token's codes"
    logged_outputs = ("hits",)
    pretraining_parts = ("predictor",)
    keeps = (
        "The embedding keeps what foretells hidden frames. That takes hours of speech: of 20 minutes it was no better "
        "than floors without a network."
    )

    def __init__(self, config: BestRqConfig):
        super().__init__(config)
        self.encoder = TokenEncoder(config)
        self.predictor = Predictor(config) if config.has_decoder else None
        self.post_init()

    @answers_in_full
    def forward(
        self,
        input_features: torch.FloatTensor,
        attention_mask: torch.Tensor | None = None,
        return_loss: bool = True,
        generator: torch.Generator | None = None,
    ) -> BestRqOutput:
        """Hide spans of tokens in noise, and name their codes. Of a clip longer than the window the first window is
        looked at.

        Args:
            input_features: (B, T, M), float in [-1, 1].
            attention_mask: (B, T), 0 for frames behind a clip's end; only the embedding needs it.
            return_loss: False leaves the loss out. The default must be True, as `Trainer` reads it.
            generator: of what is hidden; None for the default one. In eval mode it is the same each time.

        Raises:
            ValueError: frames of another shape, or of integers.
        """
        check_frames(input_features, self.config, self.training)
        if self.predictor is None or not wants_loss(return_loss):
            return BestRqOutput(latents=self.encode(input_features, attention_mask))
        if not self.training:
            generator = Fixed()
        tokens = self.tokens(input_features[:, : self.config.num_frames])
        hidden = hidden_spans(*tokens.shape[:2], self.config, tokens.device, generator)  # (B, N)
        noise = normal(tokens.shape, tokens.device, generator).to(tokens.dtype)
        seen = torch.where(hidden[..., None], 0.1 * noise, tokens)
        encoded = self.encoder(seen)
        logits, codes = self.predictor(encoded)[hidden], self.predictor.codes(tokens)[hidden]  # (H, K, C), (H, K)
        loss = F.cross_entropy(logits.flatten(0, 1), codes.flatten())
        hits = (logits.argmax(2) == codes).float().mean()
        latents = encoded.mean(1) if self.training else self.encode(input_features, attention_mask)
        return BestRqOutput(latents, loss, hits.detach())

    def tokens(self, frames: torch.Tensor) -> torch.Tensor:
        """(B, T, M) -> (B, N, F), frames side by side; what fills no token is left out."""
        size = self.config.frames_per_token
        count = frames.shape[1] // size
        return frames[:, : count * size].unflatten(1, (count, size)).flatten(2)

    def embed(self, frames: torch.Tensor) -> torch.Tensor:
        """(B, T, M) frames of one window -> (B, D)."""
        return self.encoder(self.tokens(frames)).mean(1)


def hidden_spans(
    count: int, tokens: int, config: BestRqConfig, device: torch.device, generator: Chance
) -> torch.Tensor:
    """(B, N) bool for B = `count` clips of N = `tokens`: True for what is hidden, spans of `mask_span`, at least one
    in each clip, and never all of it."""
    span = min(config.mask_span, tokens - 1)
    starts = uniform((count, tokens - span + 1), device, generator)
    chosen = starts < config.mask_ratio / span
    chosen |= starts == starts.amin(1, keepdim=True)
    hidden = F.max_pool1d(F.pad(chosen.float(), (span - 1, span - 1))[:, None], span, 1)[:, 0] > 0
    kept = uniform((count, tokens), device, generator)
    return hidden & ~((kept == kept.amax(1, keepdim=True)) & hidden.all(1, keepdim=True))


class BestRqForAudioClassification(ClassifiesClips, BestRqPreTrainedModel):
    """The encoder and one linear layer from the standardised embedding to the classes.

    `from_pretrained` takes a `BestRqModel` checkpoint (the classifier is then new) or its own. With
    `reconstruction_weight` above 0 the predictor stays and the pretraining loss, times that weight, is added.
    """

    def __init__(self, config: BestRqConfig):
        config = classifier_config(config)
        super().__init__(config)
        self.speech_best_rq = BestRqModel(config)
        self.classifier = StandardisedLinear(config.latent_size, config.num_labels)
        self.post_init()
