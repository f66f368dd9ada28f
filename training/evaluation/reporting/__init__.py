"""How a report looks: text, figure, page, card."""
