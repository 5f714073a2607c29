"""The built page as the server hands it out, and as a static site."""
