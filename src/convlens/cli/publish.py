"""`convlens publish`: a run as a static site."""

from __future__ import annotations

from typing import Annotated

import typer

from convlens.cli.options import Json, RunArgument, RunsRoot, new_command, print_json
from convlens.foundation.extras import require
from convlens.foundation.progress.events import DownloadProgress

app = new_command()


@app.command(epilog="Example: convlens publish last site")
def publish(
    run: RunArgument,
    folder: Annotated[str, typer.Argument(metavar="DIR", help="A new folder for the site.")],
    runtime: Annotated[
        str | None,
        typer.Option(
            metavar="DIR", help="A folder with onnxruntime-web. [default: it is downloaded]"
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a site that exists.")
    ] = False,
    runs: RunsRoot = None,
    as_json: Json = False,
) -> None:
    """Write a run as a site for any web server: the page, with the model running in the browser."""
    require("publishing", "serve", "onnx", "onnxruntime", "orjson")
    from convlens.serve.pages import site

    with DownloadProgress(quiet=as_json) as progress:
        done = site.publish(
            run, folder, root=runs, runtime=runtime, overwrite=overwrite, report=progress
        )
    if as_json:
        print_json(
            {
                "folder": str(done.folder),
                "files": list(done.files),
                "difference": done.difference,
                "samples": done.samples,
            }
        )
        return
    typer.echo(f"wrote {len(done.files)} files to {done.folder}")
    typer.echo(f"the model's logits differ by at most {done.difference:.1e} from the engine's")
    if not done.samples:
        typer.echo("the run's data is not on this machine: the site has no sample images")
    typer.echo(f"see it: python -m http.server -d {folder}")
