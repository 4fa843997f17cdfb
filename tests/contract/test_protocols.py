"""What every packaged protocol owes its user."""

import re
from pathlib import Path

import pytest

from theradose.data import load_yaml
from theradose.kinetics.single_time_point import single_time_point_methods
from theradose.nuclides import canonical_nuclide, nuclide_names
from theradose.plan.therapies import load_therapies
from theradose.simulate.population import POPULATIONS, load_population
from theradose.workflow.protocol_accuracy import relative_u
from theradose.workflow.protocols import (
    load_equipment,
    load_expectations,
    load_protocol,
    protocol_names,
)

REFERENCES = Path(__file__).parents[2] / "src" / "theradose" / "data" / "references.bib"
KEYS = set(re.findall(r"^@\w+\{([^,]+),", REFERENCES.read_text(encoding="utf-8"), flags=re.MULTILINE))
PROTOCOLS = [load_protocol(name) for name in protocol_names()]
THERAPIES = (
    "lu177-dotatate", "lu177-psma", "i131-benign-thyroid", "i131-dtc", "i131-mibg", "y90-tare", "ho166-tare",
)  # fmt: skip
PREPARATION = {
    "activity-meter", "camera-sensitivity", "recovery", "dead-time", "phantom", "counter-efficiency",
    "counter-dead-time", "probe-before-first-void", "neck-phantom", "uptake-standard", "transmission-or-ct",
    "residual-in-vial-and-catheter",
}  # fmt: skip


def statements(part):
    """All mappings that state a source, anywhere in a document."""
    if isinstance(part, dict):
        if "source" in part:
            yield part
        for item in part.values():
            yield from statements(item)
    elif isinstance(part, list | tuple):
        for item in part:
            yield from statements(item)


def cited(source):
    """Keys before the colon: 'Key, Other: where it stands'."""
    return [key.strip() for key in source.split(":")[0].split(",")]


def test_every_therapy_of_the_contract_has_two_protocols_that_differ_in_equipment_or_effort():
    assert tuple(load_therapies()) == THERAPIES
    for therapy in THERAPIES:
        own = [protocol for protocol in PROTOCOLS if protocol.therapy == therapy]
        assert len(own) >= 2, therapy
        efforts = {(protocol.equipment, len(protocol.visits)) for protocol in own}
        assert len(efforts) >= 2, therapy


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.name)
class TestProtocol:
    def test_names_agree_with_the_data(self, protocol):
        if protocol.therapy is not None:
            assert protocol.name.startswith(f"{protocol.therapy}/")
            assert protocol.nuclide == load_therapies()[protocol.therapy].nuclide
            assert canonical_nuclide(protocol.nuclide) in nuclide_names()

    def test_equipment_and_preparation_are_known(self, protocol):
        assert protocol.equipment
        assert set(protocol.equipment) <= set(load_equipment())
        assert set(protocol.preparation) <= PREPARATION

    def test_what_is_measured_needs_equipment_that_is_listed(self, protocol):
        provides = {
            "spect-ct": {"spect-ct"}, "spect": {"spect", "spect-ct"}, "planar": {"planar", "spect", "spect-ct"},
            "pet-ct": {"pet-ct"}, "blood": {"blood"}, "probe": {"probe"}, "thyroid-uptake": {"thyroid-probe"},
        }  # fmt: skip
        for visit in (*protocol.visits, *protocol.planning):
            for measurement in visit.measure:
                assert provides[measurement.kind.value] & set(protocol.equipment), (visit.id, measurement.kind)

    def test_blood_samples_need_a_counter(self, protocol):
        takes_blood = any(item.kind.value == "blood" for visit in protocol.visits for item in visit.measure)
        assert not takes_blood or {"gamma-counter", "blood"} <= set(protocol.equipment)

    def test_cameras_stand_in_the_department(self, protocol):
        for visit in protocol.visits:
            imaged = any(item.kind.is_emission_image or item.kind.value == "planar" for item in visit.measure)
            assert visit.place == "department" or not imaged, visit.id

    def test_tolerances_do_not_overlap(self, protocol):
        visits = protocol.visits
        for before, after in zip(visits, visits[1:], strict=False):
            assert before.t_h + before.tolerance_h <= after.t_h - after.tolerance_h, after.id

    def test_dated_protocols_say_where_their_times_come_from(self, protocol):
        assert (protocol.schedule is not None) == bool(protocol.visits)

    def test_level_advantages_and_disadvantages_are_stated(self, protocol):
        assert protocol.level is not None
        if protocol.therapy is not None:
            assert protocol.advantages and protocol.disadvantages

    def test_sources_are_in_the_bibliography(self, protocol):
        document = protocol.model_dump(mode="json")
        document.pop("measurement_relative_u")  # an assumption of the protocol, marked unverified
        for statement in statements(document):
            assert set(cited(statement["source"])) <= KEYS, statement

    def test_every_result_is_measured(self, protocol):
        kinds = {item.kind for visit in protocol.visits for item in visit.measure}
        assert len({result.quantity for result in protocol.yields}) == len(protocol.yields)
        for result in protocol.yields:
            assert set(result.measured_by) <= kinds, result.quantity
            assert result.method in ("curve", "hybrid", *single_time_point_methods.names())
            assert all(0 < relative_u(protocol, kind) < 1 for kind in result.measured_by)
            if result.population is not None:
                assert load_population(result.population).nuclide.name == protocol.nuclide

    def test_expected_accuracy_is_there_with_its_provenance(self, protocol):
        simulated = {result.quantity for result in protocol.yields if result.population is not None}
        expectations = load_expectations()
        assert set(expectations.protocols) <= set(protocol_names())
        assert ("theradose" in expectations.software) and expectations.patients >= 100
        expectation = expectations.protocols.get(protocol.name)
        assert (expectation is not None) == bool(simulated)
        if expectation is None:
            return
        assert set(expectation.accuracy) == simulated
        for accuracy in expectation.accuracy.values():
            assert accuracy.rms**2 == pytest.approx(accuracy.sd**2 + accuracy.bias**2, rel=0.02)
            assert 0 < accuracy.u_rms < accuracy.rms < 0.5
        compared = expectation.without or expectation.one_more
        assert set(expectation.paired) == (simulated if compared else set())
        assert set(expectation.without) == (
            {visit.id for visit in protocol.visits} if len(protocol.visits) > 1 else set()
        )


def test_every_statement_beside_the_protocols_has_a_source_in_the_bibliography():
    for name in ("equipment.yaml", "therapies.yaml", POPULATIONS):
        for statement in statements(load_yaml(name)):
            assert set(cited(statement["source"])) <= KEYS, (name, statement["source"])


def test_stand_ins_and_implications_name_known_equipment():
    known = load_equipment()
    for name, item in known.items():
        assert set(item.implies) <= set(known) - {name}
        assert {stand_in.equipment for stand_in in item.stands_in_for} <= set(known) - {name}


def test_critical_quantities_are_results_of_a_protocol():
    for name, therapy in load_therapies().items():
        results = {result.quantity for item in PROTOCOLS if item.therapy == name for result in item.yields}
        assert therapy.critical in results
