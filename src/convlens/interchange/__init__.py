"""Models that leave for other libraries, and models that come from them.

A folder for each library, with both directions in it, and `code/` for models and trainings as
plain scripts. What is read is data: nothing that a file may hold is run. `assembly` turns the
nodes of a foreign graph into a `Network` with weights in the neutral layout.
"""
