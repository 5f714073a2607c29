"""Runs over HTTP: the explorer page, the API beside it, and the page as a static site.

`server` opens the port, `gate` decides who comes in, `app` lists what is answered, `batching`
computes predictions together, `served` is one run, `registry` all of them, `site` the static form.
"""
