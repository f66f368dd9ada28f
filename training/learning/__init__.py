"""How a network learns: the loop, optimizer, watches, fine-tuning."""
