"""Files below a folder: what they are, which split and class they belong to, what tables say of them."""
