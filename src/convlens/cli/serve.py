"""`convlens serve`: runs over HTTP, with the explorer page."""

from __future__ import annotations

import signal
from dataclasses import replace
from typing import Annotated

import typer

from convlens.cli.options import RunsRoot, new_command
from convlens.foundation.extras import require

app = new_command()


@app.command(epilog="Example: convlens serve last")
def serve(
    references: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RUN...",
            help="Runs by name or folder; last, or nothing, follows the newest.",
        ),
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; other machines need --token.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")
    ] = 8000,
    token: Annotated[
        str | None, typer.Option(help="A secret that clients must send; new makes one.")
    ] = None,
    patience: Annotated[
        float,
        typer.Option(min=0.1, max=600, help="Seconds that a client may take to send or to read."),
    ] = 10.0,
    runs: RunsRoot = None,
) -> None:
    """Serve runs: a page that shows what they compute, and a REST API beside it.

    Ctrl-C ends it, after what was asked is answered.
    """
    require("serving", "serve", "fastapi", "uvicorn", "zttp", "orjson", "onnx", "onnxruntime")
    from convlens.serve import server
    from convlens.serve.http.limits import Limits

    place = server.checked_place(host, port, token)
    limits = replace(Limits(), client_seconds=patience)
    ended_by = server.serve(references or [], place, root=runs, limits=limits)
    if ended_by == signal.SIGINT:
        raise typer.Exit(130)
