"""What the modality of speech is made of: files of sound to stored rows, what lies between these and a model."""
