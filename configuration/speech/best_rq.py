"""Configuration of BEST-RQ for speech."""

from huggingface_hub.dataclasses import strict

from .clips import SpeechConfig


@strict
class BestRqConfig(SpeechConfig):
    """A transformer over frames that names the codes of hidden ones, which random projections give (Chiu et al. 2022,
    Self-Supervised Learning with Random-Projection Quantizer for Speech Recognition).

    For hours of speech: of a few minutes it learns no more than floors know.

    Args:
        frames_per_token: frames that lie side by side in one token, 10 milliseconds each.
        hidden_size: width of the transformer.
        num_hidden_layers: layers of the encoder, whose last one's mean over time is the embedding.
        num_predictor_layers: layers above it, which only pretraining needs: what names codes best lies at the end,
            what tells words apart before it.
        num_attention_heads: of each layer.
        hidden_dropout_prob: share of the units set to 0 while training.
        num_codebooks, codebook_size, code_size: random projections, codes of each, and numbers of a code.
        mask_ratio: share of the tokens that are hidden, about.
        mask_span: tokens hidden in a row.

    Raises:
        huggingface_hub.errors.StrictDataclassError: a value of the wrong type, or values that do not fit together.
    """

    model_type = "pretune_speech_best_rq"

    frames_per_token: int = 2
    hidden_size: int = 128
    num_hidden_layers: int = 1
    num_predictor_layers: int = 2
    num_attention_heads: int = 4
    hidden_dropout_prob: float | int = 0.1
    num_codebooks: int = 2
    codebook_size: int = 256
    code_size: int = 16
    mask_ratio: float | int = 0.4
    mask_span: int = 5

    def validate_network(self) -> None:
        """Layers and heads that fit, and a mask that hides some tokens and not all."""
        for name in ("frames_per_token", "num_hidden_layers", "num_codebooks", "code_size", "mask_span"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}.")
        if self.num_predictor_layers < 0 or self.codebook_size < 2:
            raise ValueError(
                f"num_predictor_layers must be at least 0 and codebook_size 2, got {self.num_predictor_layers} and "
                f"{self.codebook_size}."
            )
        heads = self.num_attention_heads
        if heads < 1 or self.hidden_size < 2 or self.hidden_size % (2 * heads):
            raise ValueError(
                f"hidden_size must be a multiple of twice num_attention_heads, got {self.hidden_size} and {heads}."
            )
        if not 0 <= self.hidden_dropout_prob < 1 or not 0 < self.mask_ratio < 1:
            raise ValueError(
                f"hidden_dropout_prob must lie in [0, 1) and mask_ratio between 0 and 1, got "
                f"{self.hidden_dropout_prob} and {self.mask_ratio}."
            )
        if self.num_tokens < 2:
            raise ValueError(
                f"a window of {self.num_frames} frames has {self.num_tokens} tokens, expected 2 or more: raise "
                f"window_seconds, or lower frames_per_token."
            )

    @property
    def num_tokens(self) -> int:
        """Tokens of a window."""
        return self.num_frames // self.frames_per_token

    @property
    def latent_size(self) -> int:
        """Width of the embedding."""
        return self.hidden_size
