"""Red marrow doses from blood and from images over a virtual cohort with known truth.

The tables are written first, so that the example runs alone; use your own tables instead. The same comparison is
`theradose marrow compare blood.csv --images vois.csv --treatments treatments.csv --nuclide Lu-177 --out marrow`.
"""

import sys
from pathlib import Path

import numpy as np

from theradose.quantify.samples import SampleOptions
from theradose.simulate.blood import simulate_blood_cohort, write_blood_cohort
from theradose.simulate.marrow_vois import simulate_marrow_vois, write_marrow_vois
from theradose.workflow.marrow import BloodMarrowOptions
from theradose.workflow.marrow_compare import compare_marrow
from theradose.workflow.marrow_compare_document import comparison_document
from theradose.workflow.marrow_compare_files import write_comparison
from theradose.workflow.marrow_vois import VoiMarrowOptions

BLOOD, VOIS, TREATMENTS = Path("blood.csv"), Path("vois.csv"), Path("treatments.csv")


def main(treatments):
    blood = simulate_blood_cohort(seed=177, treatments=treatments)
    images = simulate_marrow_vois(blood, seed=178)
    write_blood_cohort(blood, BLOOD, TREATMENTS)
    write_marrow_vois(images, VOIS)
    cohort = compare_marrow(
        [BLOOD],
        [VOIS],
        BloodMarrowOptions("Lu-177", SampleOptions()),
        VoiMarrowOptions("Lu-177"),
        treatments=TREATMENTS,
    )
    document = comparison_document(cohort, as_published=True)
    for item in cohort.comparison.ours.doses:
        dose = f"{np.median(item.mgy_per_gbq):.1f} mGy/GBq" if len(item.mgy_per_gbq) else f"refused: {item.reason}"
        print(f"{item.name:13} {dose}")
    truth = [image.area_mbq_h_per_l / sample.area_mbq_h_per_l for image, sample in zip(images, blood, strict=True)]
    print(f"true concentration in marrow over blood  {np.median(truth):.2f} (median)")
    print(f"self dose, images over blood             {cohort.comparison.gap_ratio[0]:.2f} (median)")
    for path in write_comparison(cohort, document, Path("marrow"), as_published=True):
        print(f"wrote {path}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 12)
