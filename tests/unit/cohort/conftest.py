"""Virtual patients, read from their tables as a user's are."""

import pytest

from theradose.cohort.counts import count_courses
from theradose.formats.tables_counts import read_counts, read_cycle_doses, read_patient_facts
from theradose.simulate.counts import virtual_counts

LIMITS = {("platelets", None): 150.0, ("lymphocytes", None): 1.0}


@pytest.fixture(scope="session")
def cohort(tmp_path_factory):
    def made(**options):
        folder = tmp_path_factory.mktemp("cohort")
        tables = virtual_counts(**options)
        for name in ("counts", "doses", "patients"):
            (folder / f"{name}.csv").write_text(getattr(tables, name))
        doses, facts = read_cycle_doses(folder / "doses.csv"), read_patient_facts(folder / "patients.csv")
        patients, _ = count_courses(read_counts(folder / "counts.csv"), doses, facts=facts, lower_limits=LIMITS)
        return patients, doses, facts

    return made


@pytest.fixture(scope="session")
def related(cohort):
    return cohort(patients=30, seed=1, alpha_scale=1.5)


@pytest.fixture(scope="session")
def many(cohort):
    return cohort(patients=60, cycles=3, seed=6, alpha_scale=1.5)
