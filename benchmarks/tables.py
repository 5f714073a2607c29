"""Write `docs/benchmarks.md` and its figure from `benchmarks/results/*.json`: no number is retyped.

`python benchmarks/tables.py` writes; `python benchmarks/tables.py --check` only says whether the
document is what the results give, and exits with 1 where it is not.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from convlens.figures.charts import Chart, Line, charts_svg
from convlens.report import numbers
from convlens.report.text_table import Table

HERE = Path(__file__).parent
RESULTS = HERE / "results"
DOCUMENT = HERE.parent / "docs" / "benchmarks.md"
FIGURE = DOCUMENT.with_name("time-to-accuracy.svg")

Result = dict[str, Any]


def table(header: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table; the first column is text, the others numbers."""
    return Table("", header, rows).markdown()


def seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} s"


def accuracy(mean: float, spread: float | None) -> str:
    """Return a mean and, of several seeds, the standard deviation in points."""
    return numbers.percent(mean) + ("" if spread is None else f" ± {100 * spread:.2f}")


def time_to_accuracy(found: Result) -> str:
    targets = [f"{target:.3f}" for target in found["targets"]]
    head = ["who", *(f"to {100 * float(t):.1f}%" for t in targets)]
    head += ["accuracy at its end", "seconds at its end", "seeds"]
    rows = []
    for one in found["contestants"]:
        end = accuracy(one["end_accuracy_mean"], one["end_accuracy_std"])
        last = one["mean_curve"][-1]["seconds"] if one["mean_curve"] else None
        times = [seconds(one["seconds_to"][target]) for target in targets]
        rows.append([one["name"], *times, end, seconds(last), str(one["seeds"])])
    text = [table(head, rows)]
    if found["ratios"]:
        ratio_rows = [
            [f"{100 * row['target']:.1f}%", row["of"], row["by"], f"{row['ratio']:.1f}"]
            for row in found["ratios"]
        ]
        text.append("Times as long as the quickest recipe of convlens:")
        text.append(table(["target", "who", "against", "ratio"], ratio_rows))
    text.append("![Test accuracy by seconds of training](time-to-accuracy.svg)")
    if found["not_installed"]:
        text.append("Not installed there: " + ", ".join(found["not_installed"]) + ".")
    return "\n\n".join(text)


def curves(found: Result) -> str:
    """Draw mistakes by seconds, both logarithmic: every contestant's way down."""
    lines = [
        Line(
            one["name"],
            [point["seconds"] for point in one["mean_curve"]],
            [100 * max(1 - point["test_accuracy"], 1e-4) for point in one["mean_curve"]],
        )
        for one in found["contestants"]
        if one["mean_curve"]
    ]
    return charts_svg(
        [
            Chart(
                "MNIST: test mistakes after each epoch",
                "seconds of training",
                "% wrong",
                lines,
                logarithmic=True,
                logarithmic_x=True,
            )
        ]
    )


def ladder(found: Result) -> str:
    rows = []
    for one in found["rungs"]:
        epochs = one.get("epochs", [])
        reached = one.get("seconds_to_target")
        rows.append(
            [
                one["rung"],
                seconds(one["seconds_for_60000"]),
                "–" if reached is None else str(len(epochs)),
                seconds(reached),
            ]
        )
    target = numbers.percent(found["target"], 1)
    head = ["the example, then one change after another", "60,000 images"]
    head += [f"epochs to {target} of the held-out digits", "seconds to it"]
    return table(head, rows)


def inference(found: Result) -> str:
    parts = []
    for network in found["networks"]:
        ways = list(dict.fromkeys(row["way"] for row in network["ways"]))
        batches = list(dict.fromkeys(row["batch"] for row in network["ways"]))
        cell = {(row["way"], row["batch"]): row for row in network["ways"]}
        rows = [
            [way]
            + [
                f"{cell[way, b]['ms']:.2f} ms, {numbers.whole(cell[way, b]['images_per_second'])}/s"
                for b in batches
            ]
            for way in ways
        ]
        parts.append(
            f"`{network['network']}`, {numbers.whole(network['multiply_adds'])} multiply-adds per "
            "image:\n\n" + table(["computed by", *(f"batch {b}" for b in batches)], rows)
        )
    return "\n\n".join(parts)


def memory(found: Result) -> str:
    rows = [[one["name"], numbers.size(one["peak_bytes"])] for one in found["contestants"]]
    return table(["process", "most memory held"], rows)


def peak(found: Result) -> str:
    peaks = ", ".join(f"{value:,.0f} in {name}" for name, value in found["peak_gflops"].items())
    computed = found["computed"]
    first = (
        f"`{found['network']}`, batch {found['batch']}, {computed['precision']}, "
        f"{computed['memory_format']}: {found['training_gflops']:,.1f} of a measured peak of "
        f"{peaks} GFLOP/s (matrix products), which is {numbers.percent(found['share_of_peak'], 1)} "
        f"of it, at {numbers.whole(found['images_per_second'])} images/s. Where the time goes:"
    )
    rows = [
        [f"`{one['operator']}`", numbers.percent(one["share"], 1), str(one["calls_a_step"])]
        for one in found["profile"]
    ]
    return first + "\n\n" + table(["operator", "share of the time", "calls per step"], rows)


def batch_size(found: Result) -> str:
    return "\n\n".join(f"{one['title']}:\n\n{one['markdown']}" for one in found["tables"])


def start_up(found: Result) -> str:
    rows = [
        ["`python -c pass`", f"{found['python_ms']:.0f} ms"],
        ["`convlens --help`", f"{found['help_ms']:.0f} ms"],
        ["`convlens shapes tutorial-torch`", f"{found['shapes_ms']:.0f} ms"],
    ]
    layers = found["table_of_1000_layers_ms"]
    return table(["whole process", "time"], rows) + (
        "\n\nThe table of a network of 1,000 layers, from its file to the printed text, with the "
        f"imports done: {layers['n.json']:.1f} ms from JSON, {layers['n.toml']:.1f} ms from TOML."
    )


def look(found: Result) -> str:
    rows = [
        [f"`convlens look`, `{network}`", f"{found['seconds'][network]:.1f} s"]
        for network in ("tutorial-torch", "tiny-vgg")
    ]
    rows.append(["`import torch` alone", f"{found['seconds']['import torch']:.1f} s"])
    return table(["whole process, median of 5", "time"], rows)


def folder(found: Result) -> str:
    rows = [
        ["first start: list, decode, cache, split", f"{found['first_start_images_per_second']:,}"],
        ["a plain loop over `PIL.Image.open`", f"{found['plain_loop_images_per_second']:,}"],
        [
            f"streaming within {found['streaming_budget']}",
            f"{found['streaming_images_per_second']:,}",
        ],
    ]
    return (
        f"{found['images']:,} PNG files of 32x32:\n\n"
        + table(["what", "images per second"], rows)
        + f"\n\nThe first start is {found['first_start_over_plain_loop']:.2f} times as fast as the "
        f"plain loop. The second start, from the cache, takes {found['second_start_seconds']:.1f} "
        f"s. Streaming holds {found['streaming_mb_above_baseline']} MB more than a process that "
        "takes one step of the same network."
    )


def export(found: Result) -> str:
    rows = [
        [
            f"`{name}`",
            f"{one['largest_difference']:.1e}",
            f"{one['torch_exporter']['largest_difference']:.1e}",
            "every bit" if one["weights_come_back_exactly"] else "not exactly",
        ]
        for name, one in found["onnx"].items()
    ]
    head = ["network", "largest difference of a logit", "the same of `torch.onnx.export`"]
    script = found["script"]
    return (
        "ONNX Runtime against the engine, on 70 random images:\n\n"
        + table([*head, "weights read back"], rows)
        + "\n\nThe exported PyTorch script, trained without convlens, reaches a test accuracy of "
        f"{numbers.percent(script['script_test_accuracy'], 1)}; the run that it was exported from "
        f"has {numbers.percent(script['run_test_accuracy'], 1)}."
    )


def tutorial_loop(found: Result) -> str:
    names = {"convlens": "convlens", "plain": "the usual loop"}
    rows = [
        [names[one["who"]], seconds(one["seconds"]), numbers.percent(one["test_accuracy"])]
        for one in found["trainings"]
    ]
    return (
        f"`tutorial-torch` on MNIST, {found['epochs']} epochs, in the order in which they ran; the "
        "usual loop takes PIL images from a `DataLoader`:\n\n"
        + table(["trained by", "time", "test accuracy"], rows)
        + f"\n\nThe faster training of convlens takes {found['ratio']:.2f} of the time of the "
        "faster one of the loop; other work on the machine only adds time."
    )


def tutorial_keras(found: Result) -> str:
    def row(who: str, one: Result, seeds: str) -> list[str]:
        return [who, numbers.percent(one["accuracy"]), f"{one['loss']:.4f}", seeds]

    trainings = found["trainings"]
    names = {"keras": f"Keras on {found['keras']['keras_backend']}", "torch": "PyTorch"}
    rows = [row("published", found["published"], "")]
    rows += [
        row(names[engine], mean, str(sum(one["engine"] == engine for one in trainings)))
        for engine, mean in found["mean"].items()
    ]
    return f"`tutorial-keras` on MNIST, {found['epochs']} epochs:\n\n" + table(
        ["trained by", "test accuracy, mean", "test loss, mean", "seeds"], rows
    )


def step_overhead(found: Result) -> str:
    return (
        f"A step of `convlens train` takes {found['ratio']:.2f} of the time of a hand-written "
        f"loop of the same recipe ({found['precision']}, {found['memory_format']})."
    )


def digits(found: Result) -> str:
    def sentence(one: Result) -> str:
        return (
            f"{numbers.percent(one['test_accuracy_mean'])}, "
            f"standard deviation {100 * one['test_accuracy_std']:.2f}%, {one['seeds']} seeds, "
            f"{one['train_seconds_median']:.1f} s of training."
        )

    text = (
        f"`digits-5k`, the 1,000 held out: {sentence(found)} A plain float32 loop of 15 epochs "
        f"takes {found['plain_trial_seconds']:.1f} s in the same run."
    )
    if fresh := found.get("fresh_seeds"):
        text += (
            f" With seeds from {fresh['first_seed']}, which no choice has seen, on another machine "
            f"({fresh['processor']}): {sentence(fresh)}"
        )
    return text


def recipes(found: Result) -> str:
    rows, remarks = [], []
    for name, one in found["recipes"].items():
        peer = one.get("peer")
        for recipe, part in [(name, one)] + ([(peer["recipe"], peer)] if peer else []):
            reached = accuracy(part["test_accuracy_mean"], part["test_accuracy_std"])
            size = f"{part['parameters']:,}"
            cells = [f"`{recipe}`", f"`{part['network']}`", size, one["data"], reached]
            time = seconds(part["seconds_median"])
            where = [str(part["threads"]), str(part["seeds"]), one["processor"]]
            rows.append([*cells, time, *where])
        if peer:
            share = one["time_of_peer"]
            remarks.append(f"`{name}` takes {share:.2f} of the time of `{peer['recipe']}`.")
        if "note" in one:
            remarks.append(f"`{name}`: {one['note']}.")
    head = [
        "recipe",
        "network",
        "parameters",
        "data",
        "test accuracy",
        "median",
        "threads",
        "seeds",
        "processor",
    ]
    return "\n\n".join([table(head, rows), *remarks])


def gpu(found: Result) -> str:
    steps = [
        [
            f"`{one['network']}`",
            f"`{one['recipe']}`",
            str(one["batch"]),
            f"{one['recorded_ms']:.2f} ms",
            f"{one['not_recorded_ms']:.2f} ms",
            f"{one['ratio']:.1f}",
        ]
        for one in found["steps"]
    ]
    head = ["network", "recipe", "batch", "recorded", "not recorded", "times as long"]
    times = found["hand_written"]["seconds"]
    hand = (
        "An epoch of `fast-mnist` by convlens, checks and events included: "
        f"{min(times['convlens']):.2f} s; by a hand-written loop over the same images on the GPU: "
        f"{min(times['hand_written']):.2f} s, {found['hand_written']['ratio']:.1f} times as long."
    )
    rows = []
    for name, one in found["recipes"].items():
        reached = accuracy(one["test_accuracy_mean"], one["test_accuracy_std"])
        size, seeds = f"{one['parameters']:,}", str(one["seeds"])
        cells = [f"`{name}`", f"`{one['network']}`", size, one["data"], reached]
        rows.append([*cells, f"{one['seconds_median']:.2f} s", seeds])
    columns = ["recipe", "network", "parameters", "data", "test accuracy", "median", "seeds"]
    return "\n\n".join(
        [
            f"One {found['gpu']}. A training step, batch and average included:",
            table(head, steps),
            hand,
            "The recipes there:",
            table(columns, rows),
        ]
    )


def waiting(found: Result) -> str:
    parts = []
    for number, ways in found["beside"].items():
        networks = list(ways[0]["ms"])
        best = {n: min(one["ms"][n] for one in ways) for n in networks}
        rows = []
        for one in ways:
            told = [f"{one['ms'][n]:.1f} ms" for n in networks]
            worst = max(one["ms"][n] / best[n] for n in networks)
            way = f"`{one['way']}`" if "=" in one["way"] else one["way"]
            rows.append([way, *told, f"{worst:.2f}"])
        head = ["way of waiting", *(f"`{n}`" for n in networks), "times the best, at worst"]
        beside = {"0": "no neighbour", "1": "one neighbour", "2": "two neighbours"}[number]
        parts.append(f"Beside {beside}:\n\n{table(head, rows)}")
    return (
        f"A training step of {found['batch']} images, median of {found['rounds']} rounds. One way "
        "measured twice differed by up to 1.6 on this machine, so smaller differences say "
        "nothing:\n\n" + "\n\n".join(parts)
    )


def serve(found: Result) -> str:
    def row(label: str, one: Result) -> list[str]:
        load = one["closed_loop"]
        least = min(
            one["directly_images_per_second_by_cores"].items(), key=lambda item: int(item[0])
        )
        return [
            label,
            numbers.whole(round(load["requests_per_second"])),
            numbers.whole(round(one["images_per_second"])),
            str(one["mean_batch"]),
            numbers.whole(round(least[1])),
            f"{one['share_of_directly_with_the_same_settings']:.2f}",
            f"{load['ms']['p99']:.0f} ms",
        ]

    rows = [row(f"`fast-mnist`, {label}", one) for label, one in found["throughput"].items()]
    rows.append(row("`deep-batch-norm`, 1 image, safetensors", found["deep_batch_norm"]))
    head = ["request", "requests/s", "images/s", "mean batch"]
    head += ["ONNX Runtime alone, images/s", "share", "p99"]
    answers: dict[str, int] = {}
    for one in found["throughput"].values():
        for status, count in one["closed_loop"]["answers"].items():
            answers[status] = answers.get(status, 0) + count
    told = ", ".join(f"{numbers.whole(count)} with {code}" for code, count in answers.items())
    alone, memory = found["lone_request"], found["memory_mb"]
    nothing = numbers.whole(round(found["nothing_computed"]["requests_per_second"]))
    loaded, served, bare = found["at_70_percent"]["ms"], alone["served_ms"], alone["bare_ms"]
    lines = [
        f"{found['clients']} clients in a closed loop, {found['seconds']:g} s for one image per "
        f"request; answers: {told}. The clients take their share of the same cores.",
        table(head, rows),
        f"An answer that computes nothing and goes through ASGI (`/healthz`) comes {nothing} times "
        "a second under the same load. JSON costs more than the network: 784 numbers as text.",
        f"At 70% of the highest throughput: p50 {loaded['p50']:.1f} ms, p99 {loaded['p99']:.0f} "
        f"ms. A lone request: p99 {served['p99']:.2f} ms, ONNX Runtime alone "
        f"{bare['p99_ms']:.2f} ms. Memory: {memory['before']:.0f} MB, and {memory['after']:.0f} "
        f"MB after {numbers.whole(memory['requests'])} more requests.",
    ]
    return "\n\n".join(lines)


def http(found: Result) -> str:
    def whole(load: Result | None) -> str:
        return numbers.whole(round(load["requests_per_second"])) if load else ""

    rows = []
    for name, one in found["throughput"].items():
        if "not_installed" in one:
            continue
        lone = one.get("lone") or one["lone_json"]
        share = f"{one['share_of_alone']:.2f}" if "share_of_alone" in one else ""
        loads = [whole(one.get(kind)) for kind in ("one", "json", "sixteen")]
        rows.append([f"`{name}`", *loads, share, f"{lone['p99_ms']:.2f} ms"])
    head = ["server", "1 image, safetensors", "1 image, JSON", "16 images, safetensors"]
    head += ["16 images: share of ONNX Runtime alone", "a lone request, p99"]
    lines = [
        "Requests per second by `wrk`, one thread and 16 connections, which takes its share of the "
        "same cores. `litserve` and `bentoml` serve the same ONNX file and take JSON, also alone.",
        table(head, rows),
    ]
    return "\n\n".join(lines)


SECTIONS: dict[str, tuple[str, Callable[[Result], str]]] = {
    "time_to_accuracy": ("Time to accuracy on MNIST, beside peers", time_to_accuracy),
    "ladder": ("Why: from PyTorch's example to mnist-fast, step by step", ladder),
    "digits": ("The embedded digits", digits),
    "recipes": ("The named recipes", recipes),
    "gpu": ("On a GPU", gpu),
    "batch_size": ("Batch sizes: the tutorial's table", batch_size),
    "peak": ("Share of the machine's peak", peak),
    "waiting": ("Threads that wait, beside other programs", waiting),
    "tutorial_loop": ("The PyTorch tutorial's training, beside the usual loop", tutorial_loop),
    "tutorial_keras": ("The Keras tutorial's result, by both engines", tutorial_keras),
    "folder": ("Folders of 200,000 images", folder),
    "step_overhead": ("Overhead of a step", step_overhead),
    "inference": ("Inference", inference),
    "memory": ("Memory", memory),
    "serve": ("The server under load", serve),
    "http": ("What reads HTTP, and peers that serve the same network", http),
    "export": ("Exported networks", export),
    "look": ("One image's page", look),
    "start_up": ("Start-up", start_up),
}


def document() -> Iterator[tuple[Path, str]]:
    """Yield every file that the results give, with its text."""
    parts = [
        "# Benchmarks\n\nWritten by `python benchmarks/tables.py` from "
        "`benchmarks/results/*.json`; each file named below states its protocol on top, and "
        "`make bench` runs them all. Times are of one machine, which each section names; the "
        "comparisons are what carries over."
    ]
    for name, (title, write) in SECTIONS.items():
        path = RESULTS / f"{name}.json"
        command = f"`python benchmarks/bench_{name}.py`"
        if not path.exists():
            parts.append(f"## {title}\n\nNot measured yet: {command}.")
            continue
        found = json.loads(path.read_text("utf-8"))
        where = found["machine"]
        machine = f"{where['processor']}, {where['threads']} threads, "
        if name == "recipes":  # which are measured one at a time
            machine = ""
        place = (
            f"{command}, {found['measured']}: {machine}torch {where['torch']}, "
            f"Python {where['python']}."
        )
        parts.append(f"## {title}\n\n{write(found)}\n\n{place}")
        if name == "time_to_accuracy":
            yield FIGURE, curves(found) + "\n"
    yield DOCUMENT, "\n\n".join(parts) + "\n"


def main() -> None:
    check = sys.argv[1:] == ["--check"]
    stale = []
    for path, text in document():
        if not path.exists() or path.read_text("utf-8") != text:
            stale.append(path.name)
            if not check:
                path.write_text(text, "utf-8")
    print(("out of date: " if check else "written: ") + ", ".join(stale) if stale else "up to date")
    sys.exit(1 if check and stale else 0)


if __name__ == "__main__":
    main()
