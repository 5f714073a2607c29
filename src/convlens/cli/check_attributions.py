"""`convlens check-attributions`: which attribution methods to believe on a run, measured."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import convlens
from convlens.cli.options import Json, RunArgument, RunsRoot, new_command, print_json
from convlens.foundation.columns import in_columns

if TYPE_CHECKING:
    from convlens.inside.verdict import Area, AttributionChecks

app = new_command()


@app.command(epilog="Example: convlens check-attributions last --images 40")
def check_attributions(
    run: RunArgument = "last",
    data: Annotated[
        str | None,
        typer.Option(metavar="NAME|PATH", help="Other data of the same classes than the run's."),
    ] = None,
    images: Annotated[
        int, typer.Option(min=2, help="Number of validation images to measure on.")
    ] = 20,
    methods: Annotated[
        list[str] | None,
        typer.Option("--method", help="Measure only this method; repeatable. [default: all]"),
    ] = None,
    random_seeds: Annotated[
        int,
        typer.Option(
            "--seeds", min=1, help="Number of networks with random weights to compare with."
        ),
    ] = 2,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for page and figures. [default: check-attributions-RUN]"),
    ] = None,
    runs: RunsRoot = None,
    as_json: Json = False,
) -> None:
    """Measure which of the attributions that `convlens look` draws can be believed on a run.

    The sanity check asks whether a method's map changes when the weights are made random.
    Deletion and insertion ask whether the pixels that it calls important carry the class.
    """
    from convlens.report.attribution_checks_page import make_page
    from convlens.report.folder import write_page

    chosen: Any = methods or None
    result = convlens.check_attributions(
        run,
        data,
        images=images,
        methods=chosen,
        seeds=random_seeds,
        runs=runs,
    )
    options = [("--data", data)] if data else []
    options += [("--images", str(images))] * (images != 20)
    options += [("--seeds", str(random_seeds))] * (random_seeds != 2)
    options += [("--method", method) for method in methods or ()]
    command = shlex.join(
        ["convlens", "check-attributions", run, *(word for pair in options for word in pair)]
    )
    page = make_page(result, command)
    folder = out or Path(f"check-attributions-{result.subject.name}")
    files = write_page(folder, {"index.html": page.html, **page.figures})
    if as_json:
        print_json(_result(result, files))
        return
    typer.echo(_table(result))
    seeds = "1 set" if result.seeds == 1 else f"{result.seeds} sets"
    typer.echo(
        f"on {result.images} of {result.available:,} validation images, for the predicted class; "
        f"{seeds} of random weights; in brackets: standard errors"
    )
    typer.echo(f"{result.subject.name}: {result.sentence()}")
    typer.echo(f"page: {files[0]} ({len(files) - 1} figures beside it)")


def _result(result: AttributionChecks, files: list[str]) -> dict[str, Any]:
    deletion, insertion = result.chance
    return {
        "run": result.subject.name,
        "split": "validation",
        "images": result.images,
        "trusted": list(result.trusted),
        "network_at_chance": result.skill is not None and result.skill.is_chance,
        "seeds": result.seeds,
        "methods": [
            {
                "method": verdict.method,
                "similarity_all_random": verdict.similarity,
                "passes": verdict.passes,
                "beats_random_order": verdict.deletes_faster_than_chance(),
                "deletion_gain": verdict.gain.mean,
                "deletion_gain_standard_error": verdict.gain.error,
                "deletion_area": verdict.deletion.mean,
                "deletion_standard_error": verdict.deletion.error,
                "insertion_area": verdict.insertion.mean,
                "insertion_standard_error": verdict.insertion.error,
            }
            for verdict in result.verdicts
        ],
        "random_order": {"deletion_area": deletion.mean, "insertion_area": insertion.mean},
        "sentence": result.sentence(),
        "page": files[0],
        "files": files[1:],
    }


def _table(result: AttributionChecks) -> str:
    rows = [
        ("method", "similarity,", "sanity", "deletion", "insertion", "n"),
        ("", "all random", "check", "lower: better", "higher: better", ""),
    ]
    for v in result.verdicts:
        check = "passes" if v.passes else "fails"
        taken, put = _area(v.deletion), _area(v.insertion)
        rows.append((v.method, f"{v.similarity:z.2f}", check, taken, put, str(result.images)))
    taken, put = map(_area, result.chance)
    rows.append(("random order", "", "", taken, put, str(result.images)))
    return "\n".join(in_columns(rows, right={1, 3, 4, 5}))


def _area(area: Area) -> str:
    return f"{area.mean:.3f} ({area.error:.3f})"
