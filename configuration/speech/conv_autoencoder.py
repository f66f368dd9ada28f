"""Configuration of the convolutional autoencoder of speech."""

from huggingface_hub.dataclasses import strict

from .encoder import ClipEncoderConfig


@strict
class SpeechConvAutoencoderConfig(ClipEncoderConfig):
    """A convolutional encoder of clips, and a decoder with one hidden layer: frames -> embedding -> frames.

    Args:
        denoising: the encoder hears a random view of the clip (another speed, pitch and level, in noise, with spans of
            it silent), and the decoder is to give back the clip as it is (Vincent et al. 2008, Extracting and
            Composing Robust Features with Denoising Autoencoders).
        decoder_hidden_size: width of the decoder's hidden layer.

    Raises:
        huggingface_hub.errors.StrictDataclassError: a value of the wrong type, or values that do not fit together.
    """

    model_type = "pretune_speech_conv_autoencoder"

    denoising: bool = True
    decoder_hidden_size: int = 512

    def validate_decoder(self) -> None:
        """A hidden layer that exists."""
        if self.decoder_hidden_size < 1:
            raise ValueError(f"decoder_hidden_size must be at least 1, got {self.decoder_hidden_size}.")
