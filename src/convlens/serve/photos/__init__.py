"""Photos that a person collects in the page, and the classifiers that are trained on them."""
