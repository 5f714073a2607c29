"""Arrays as figures: SVG text, one style, legible in grey and to colour-blind readers."""
