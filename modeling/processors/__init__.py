"""From what people have to what the models take."""
