"""What a run says about itself: figures, one HTML page, and a table of several runs."""
