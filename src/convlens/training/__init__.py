"""Training: a recipe is data, the loop is one readable function, a run is a folder."""
