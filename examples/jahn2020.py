"""Published doses and shrinkage of neuroendocrine tumours, analysed as a department would analyse its own.

The numbers were read from tables and figures of Jahn 2020 and 2021 and of Ha 2024 by others. They are not part of this
repository: THERADOSE_SHARED_DATA names the folder that holds dose_response/jahn2020. Signs differ between the files:
Jahn 2020 counts a loss of volume as negative, the other two as positive (a loss cannot exceed 100 %, and the largest
number without that sign is a growth of 103 %).

One tumour stands for each patient (or the patient is not known), so no effect of the patient can be estimated, and no
file has the grade or the volume at baseline. What is left is a question of slope and correlation, with its interval.
"""

import csv
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from theradose.cohort.response.settings import default_settings
from theradose.report.cohort_response import answers
from theradose.workflow.cohort_response import run_response

DATA = Path(os.environ.get("THERADOSE_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
FOLDER = DATA / "dose_response" / "jahn2020"
# A response is a diameter smaller by 30 %, or a volume smaller by 66 %.
RESPONDER = {"diameter": 0.30, "volume": 0.66}


@dataclass(frozen=True)
class Source:
    """A file, what it holds, and the sign of a loss in it."""

    file: str
    title: str
    size: str
    loss_sign: int
    dose_column: int = 0
    loss_column: int = 1


SOURCES = (
    Source("Pub9_Jahn.csv", "Jahn 2020, small intestine, volume", "volume", -1, 10, 2),
    Source("Pub9_Jahn.csv", "Jahn 2020, small intestine, diameter", "diameter", -1, 10, 1),
    Source("Pub7_Jahn_Fig7A.csv", "Jahn 2021, Figure 7A, volume", "volume", 1),
    Source("Pub7_Jahn_Fig7B.csv", "Jahn 2021, Figure 7B, volume", "volume", 1),
    Source("Pub7_Jahn_Fig6A.csv", "Jahn 2021, Figure 6A, diameter", "diameter", 1),
    Source("Pub7_Jahn_Fig6B.csv", "Jahn 2021, Figure 6B, diameter", "diameter", 1),
    Source("Pub5_Ha_Fig2A.csv", "Ha 2024, largest dose, Figure 2A, diameter", "diameter", 1),
    Source("Pub5_Ha_Fig3A.csv", "Ha 2024, largest dose, Figure 3A, diameter", "diameter", 1),
)


def read(name):
    """Return the numbers of a file; cells that are empty are nan."""
    with (FOLDER / name).open(encoding="latin-1", newline="") as stream:
        rows = list(csv.reader(stream))[1:]
    return np.array([[float(cell) if cell.strip() else np.nan for cell in row] for row in rows])


def write_table(source, path):
    """Write a table of tumours: one for each row, with the loss positive."""
    numbers = read(source.file)
    dose, loss = numbers[:, source.dose_column], source.loss_sign * numbers[:, source.loss_column]
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("patient", "tumour", "dose_all_cycles_gy", "reduction_percent"))
        # A hair above 100 % is the reading of a point of a figure.
        rows = enumerate(zip(dose, np.minimum(loss, 100), strict=True), start=1)
        writer.writerows((f"P{k}", "T1", f"{gy:g}", f"{percent:g}") for k, (gy, percent) in rows)


def analyse(source, replicates):
    """Print what the data of one source say."""
    path = Path("tumours.csv")
    write_table(source, path)
    settings = replace(default_settings(), responder=RESPONDER[source.size], replicates=replicates)
    run = run_response(path, settings=settings)
    one = run.analysis.primary
    pearson, spearman = one.correlations["all"]
    slope, ratio = one.control.fits[0].slopes["all"], one.control.tests["all"]
    found = one.discrimination["all"].delong
    print(f"\n{source.title}: {len(one.dose_gy)} tumours, {int(one.responds.sum())} responders")
    print(f"  Pearson  {pearson.value:5.2f} [{pearson.low:.2f}, {pearson.high:.2f}], p = {pearson.p:.3f}")
    print(f"  Spearman {spearman.value:5.2f} [{spearman.low:.2f}, {spearman.high:.2f}], p = {spearman.p:.3f}")
    model = one.control.fits[0].name
    print(f"  logit slope ({model}) {slope.value:.4f} [{slope.low:.4f}, {slope.high:.4f}] per Gy")
    print(f"  p of the slope: {ratio.p:.3f} by the likelihood ratio, {slope.p:.3f} by Wald")
    if found is not None:
        print(f"  area under the curve {found.value:.2f} [{found.low:.2f}, {found.high:.2f}]")
    for sentence in answers(run.analysis):
        print(f"  {sentence.replace('loss of volume', f'loss of {source.size}')}")


def check_figure_3b():
    """Say why one file is left out: its points are those of another one on a shifted and stretched axis."""
    a, b = (np.sort(read(f"Pub5_Ha_Fig3{panel}.csv")[:, 1]) for panel in "AB")
    slope, offset = np.polyfit(a, b, 1)
    print(
        f"\nHa 2024, Figure 3B is left out: the ordered losses are {slope:.2f} × those of Figure 3A {offset:+.0f} % "
        f"(r = {np.corrcoef(a, b)[0, 1]:.4f}) though both show the same tumours, so its axis was read wrongly."
    )


def main(replicates):
    if not FOLDER.is_dir():
        print(
            f"There are no data at {FOLDER}: set THERADOSE_SHARED_DATA to the folder that holds dose_response/jahn2020."
        )
        return
    numbers = read("Pub9_Jahn.csv")
    gap = np.abs(np.nansum(numbers[:, 3:10], axis=1) - numbers[:, 10]).max()
    print(
        f"Jahn 2020: {len(numbers)} patients, one tumour each; sums and doses of cycles differ by {gap:.2f} Gy at most"
    )
    for source in SOURCES:
        analyse(source, replicates)
    check_figure_3b()
    print(f"\n{len(SOURCES)} sets were looked at: one in twenty true nulls is called significant at this level.")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
