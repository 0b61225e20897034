"""Draws the curves of a growth.json, a file for each group, beside it.

    PYTHONPATH=.tools/plots python3 bench/growth/plot.py bench/results/TIMESTAMP/growth.json
"""

import json
import pathlib
import re
import sys

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402  (the backend has to be chosen before)

# Text stays text, so that files are small and can be searched.
plt.rcParams["svg.fonttype"] = "none"

STYLES = ["-", "--", "-.", ":"]


def main(path):
    groups = {}
    for curve in json.loads(path.read_text())["curves"]:
        groups.setdefault((curve["group"], curve["unit"]), []).append(curve)
    several = {group for group, _ in groups if sum(other == group for other, _ in groups) > 1}
    for (group, unit), curves in groups.items():
        name = f"{group} ({unit})" if group in several and unit != "us" else group
        draw(path.parent / f"growth_{slug(name)}.svg", name, unit, curves)


def slug(name):
    return re.sub(r"[^a-z0-9]+", "_", name.lower())


def draw(path, title, unit, curves):
    figure, axes = plt.subplots(figsize=(11, 6), layout="constrained")
    colors = plt.get_cmap("tab10").colors
    for place, curve in enumerate(curves):
        points = [point for point in curve["points"] if point["value"] > 0]
        axes.plot(
            [point["size"] for point in points],
            [point["value"] for point in points],
            color=colors[place % 10],
            linestyle=STYLES[place // 10 % len(STYLES)],
            marker="o",
            markersize=4,
            label=f"{curve['name']}: {curve['shows']}",
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(curves[0]["of"])
    axes.set_ylabel(unit)
    axes.set_title(title)
    axes.grid(True, which="major", alpha=0.4)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize="small")
    figure.savefig(path)
    plt.close(figure)


main(pathlib.Path(sys.argv[1]))
