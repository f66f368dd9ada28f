"""Images: how they are looked over, decoded, fitted, told apart and drawn."""
