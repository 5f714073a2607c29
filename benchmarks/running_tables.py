"""The sections of `docs/benchmarks.md` about trained networks and commands: as Markdown."""

from __future__ import annotations

from convlens.report import numbers
from table_text import Result, table


def inference(result: Result) -> str:
    parts = []
    for network in result["networks"]:
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


def memory(result: Result) -> str:
    rows = [[one["name"], numbers.size(one["peak_bytes"])] for one in result["contestants"]]
    return table(["process", "most memory held"], rows)


def peak(result: Result) -> str:
    peaks = ", ".join(f"{value:,.0f} in {name}" for name, value in result["peak_gflops"].items())
    computed = result["computed"]
    first = (
        f"`{result['network']}`, batch {result['batch']}, {computed['precision']}, "
        f"{computed['memory_format']}: {result['training_gflops']:,.1f} of a measured peak of "
        f"{peaks} GFLOP/s (matrix products), which is "
        f"{numbers.percent(result['share_of_peak'], 1)} of it, at "
        f"{numbers.whole(result['images_per_second'])} images/s. Where the time goes:"
    )
    rows = [
        [f"`{one['operator']}`", numbers.percent(one["share"], 1), str(one["calls_a_step"])]
        for one in result["profile"]
    ]
    return first + "\n\n" + table(["operator", "share of the time", "calls per step"], rows)


def start_up(result: Result) -> str:
    rows = [
        ["`python -c pass`", f"{result['python_ms']:.0f} ms"],
        ["`convlens --help`", f"{result['help_ms']:.0f} ms"],
        ["`convlens shapes tutorial-torch`", f"{result['shapes_ms']:.0f} ms"],
    ]
    layers = result["table_of_1000_layers_ms"]
    return table(["whole process", "time"], rows) + (
        "\n\nThe table of a network of 1,000 layers, from its file to the printed text, with the "
        f"imports done: {layers['n.json']:.1f} ms from JSON, {layers['n.toml']:.1f} ms from TOML."
    )


def look(result: Result) -> str:
    rows = [
        [f"`convlens look`, `{network}`", f"{result['seconds'][network]:.1f} s"]
        for network in ("tutorial-torch", "tiny-vgg")
    ]
    rows.append(["`import torch` alone", f"{result['seconds']['import torch']:.1f} s"])
    return table(["whole process, median of 5", "time"], rows)


def export(result: Result) -> str:
    rows = [
        [
            f"`{name}`",
            f"{one['largest_difference']:.1e}",
            f"{one['torch_exporter']['largest_difference']:.1e}",
            "every bit" if one["weights_come_back_exactly"] else "not exactly",
        ]
        for name, one in result["onnx"].items()
    ]
    head = ["network", "largest difference of a logit", "the same of `torch.onnx.export`"]
    script = result["script"]
    return (
        "ONNX Runtime against the engine, on 70 random images:\n\n"
        + table([*head, "weights read back"], rows)
        + "\n\nThe exported PyTorch script, trained without convlens, reaches a test accuracy of "
        f"{numbers.percent(script['script_test_accuracy'], 1)}; the run that it was exported from "
        f"has {numbers.percent(script['run_test_accuracy'], 1)}."
    )


def serve(result: Result) -> str:
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

    rows = [row(f"`fast-mnist`, {label}", one) for label, one in result["throughput"].items()]
    rows.append(row("`deep-batch-norm`, 1 image, safetensors", result["deep_batch_norm"]))
    head = ["request", "requests/s", "images/s", "mean batch"]
    head += ["ONNX Runtime alone, images/s", "share", "p99"]
    answers: dict[str, int] = {}
    for one in result["throughput"].values():
        for status, count in one["closed_loop"]["answers"].items():
            answers[status] = answers.get(status, 0) + count
    told = ", ".join(f"{numbers.whole(count)} with {code}" for code, count in answers.items())
    alone, memory = result["lone_request"], result["memory_mb"]
    nothing = numbers.whole(round(result["nothing_computed"]["requests_per_second"]))
    loaded, served, bare = result["at_70_percent"]["ms"], alone["served_ms"], alone["bare_ms"]
    lines = [
        f"{result['clients']} clients in a closed loop, {result['seconds']:g} s for one image per "
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


def http(result: Result) -> str:
    def whole(load: Result | None) -> str:
        return numbers.whole(round(load["requests_per_second"])) if load else ""

    rows = []
    for name, one in result["throughput"].items():
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
