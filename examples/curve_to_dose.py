"""From a table of activities to the dose of a kidney, with its uncertainty budget.

Sources of uncertainty that act on several numbers carry the same name: the outlined volume changes both the counts
in the region and its mass, so that a part of it cancels in the dose.
"""

import numpy as np

import theradose

LUTETIUM = theradose.load_nuclide("Lu-177")
CURVE = theradose.TimeActivityCurve(
    region="left-kidney",
    t_h=np.array([4.0, 24.0, 96.0, 168.0]),
    activity_mbq=np.array([120.0, 91.0, 33.5, 12.4]),
    u_independent_mbq=np.array([6.0, 4.6, 1.7, 0.6]),
    common={"calibration:camera": 0.03, "volume:left-kidney": 0.05},
    source="table",
)
MASS_G = theradose.Uncertain.relative(157.5, {"volume:left-kidney": 0.09})


def main():
    tia, findings = theradose.integrate_curve(CURVE, nuclide=LUTETIUM)
    dose = theradose.region_dose(tia=tia, mass_g=MASS_G, nuclide=LUTETIUM).dose_gy
    for fit in tia.fits:
        print(f"model {fit.model:10} {fit.tia_mbq_h:7.0f} MBq·h, weight {fit.weight:.2f}")
    print(f"time-integrated activity  {tia.value.value:.0f} ± {tia.value.u:.0f} MBq·h")
    print(f"effective half-life       {tia.effective_half_life_h.value:.1f} ± {tia.effective_half_life_h.u:.1f} h")
    print(f"dose                      {dose.value:.2f} ± {dose.u:.2f} Gy (k = 1)")
    for line in theradose.budget(dose):
        print(f"  {line.source:28} {line.relative_u:5.1%}  {line.share:4.0%} of the variance")
    for finding in findings:
        print(f"{finding.severity}: {finding.message}")


if __name__ == "__main__":
    main()
