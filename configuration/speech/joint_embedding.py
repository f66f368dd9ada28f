"""Configuration of joint embedding for speech."""

from huggingface_hub.dataclasses import strict

from ..joint_embedding_options import JointEmbeddingOptions
from .encoder import ClipEncoderConfig


@strict
class SpeechJointEmbeddingConfig(ClipEncoderConfig, JointEmbeddingOptions):
    """Two random views of a clip shall have one embedding, and different clips different ones.

    Views change what speakers, rooms and microphones change: speed, pitch, place, the microphone's curve, level,
    noise, and spans of time and of bands that are silent.

    Args:
        view_share: length of a view, as a share of the window: what is longer is cut, at a random place.

    Raises:
        huggingface_hub.errors.StrictDataclassError: a value of the wrong type, or values that do not fit together.
    """

    model_type = "pretune_speech_joint_embedding"

    view_share: float | int = 0.64

    def validate_view(self) -> None:
        """Some of the window, and enough for the strides."""
        if not 0.1 <= self.view_share <= 2:
            raise ValueError(f"view_share must lie between 0.1 and 2, got {self.view_share}.")

    @property
    def view_frames(self) -> int:
        """Frames of a view."""
        return max(2 ** len(self.strides), round(self.num_frames * self.view_share))
