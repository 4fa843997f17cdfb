"""A Monte Carlo of a dose request: what to follow, how far, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from theradose.data import load_yaml
from theradose.dose.engines import INTERRUPTED, DoseRequest, Progress
from theradose.dose.local import activity_in_air_findings, emitted_energy_j
from theradose.dose.scene import DECAYS_PER_MBQ_H, activity_score, region_scores, transport_scene
from theradose.errors import PhysicsError
from theradose.model.arrays import Array
from theradose.model.dose import DoseMap, DoseStatistics, Radiation, RadiationEnergy, StoppedBy
from theradose.model.finding import Finding
from theradose.model.grid import Volume
from theradose.radiation.emission import emission_spectra
from theradose.radiation.media import packaged_cuts
from theradose.radiation.patient import Effort, Particle, ParticleResult
from theradose.radiation.patient_transport import PatientTransport, score_relative_u


class Simulation:
    """The transport of a request.

    Parameters
    ----------
    request : DoseRequest
        What is asked for.

    Raises
    ------
    PhysicsError
        For a nuclide without emission data or a map without activity.
    """

    def __init__(self, request: DoseRequest) -> None:
        settings = request.transport
        self.request = request
        self.scene = transport_scene(request)
        self.spectra = emission_spectra(request.nuclide.name, nuclear_data=request.nuclide.nuclear_data)
        scores = region_scores(request, self.scene)
        steering = [name for name in scores if self._steers(name)]
        self._names = [*steering, *(name for name in scores if name not in steering)]
        ordered = [scores[name] for name in self._names]
        if not steering:
            # Nothing is asked for by name: what holds activity counts as one region.
            ordered.insert(0, activity_score(self.scene))
        self._first = len(ordered) - len(self._names)
        self.transport = PatientTransport(
            self.scene.patient,
            self.scene.decays,
            self.spectra,
            effort=Effort(
                decays=settings.histories,
                target_relative_u=settings.target_relative_u,
                time_limit_s=settings.time_limit_s,
                seed=settings.seed,
                threads=settings.threads,
            ),
            scores=ordered,
            steering=max(len(steering), 1),
            cuts=packaged_cuts(electron_kev=settings.electron_cut_kev, photon_kev=settings.photon_cut_kev),
            report=None if request.progress is None else self._report,
        )

    def follow(self, particles: Sequence[Particle]) -> dict[Particle, ParticleResult]:
        """Follow some kinds of particles.

        Raises
        ------
        KeyboardInterrupt
            If the user ends it before there is anything with an uncertainty.
        """
        self._particles = tuple(particles)
        results = self.transport.follow(particles)
        expected = [kind for kind in particles if self.transport.spectrum(kind).particles_per_decay > 0]
        if len(results) < len(expected):
            raise KeyboardInterrupt
        return results

    def dose_map(
        self, engine: str, results: Mapping[Particle, ParticleResult], *, added_kev: Array | None = None
    ) -> tuple[DoseMap, tuple[Finding, ...]]:
        """Return the dose of what was followed, of what stays where it is emitted, and of what was computed otherwise.

        Parameters
        ----------
        engine : str
            Name of the engine.
        results : mapping
            From :meth:`follow`.
        added_kev : ndarray, optional
            Energy per voxel and decay of particles that were not followed.
        """
        scene, total = self.scene, self.scene.total_decays
        energy = scene.decays * (self._local_kev(tuple(results)) / total)
        if added_kev is not None:
            energy += added_kev
        variance = np.zeros(energy.shape)
        for result in results.values():
            energy += result.energy_kev
            if result.variance_kev2 is not None:
                variance += result.variance_kev2
        to_gy = self._joule_per_kev
        dose = DoseMap(
            self._on_grid(energy * scene.per_kg * to_gy),
            self.request.tia.grid,
            engine=engine,
            parameters=self._parameters(results),
            u=Volume(self._on_grid(np.sqrt(variance, out=variance) * scene.per_kg * to_gy), self.request.tia.grid),
            energy=self._account(results),
            statistics=self._statistics(results),
        )
        return dose, self._findings(results)

    @property
    def _joule_per_kev(self) -> float:
        """Energy in J of one keV per decay."""
        return emitted_energy_j(tia_mbq_h=self.scene.total_decays / DECAYS_PER_MBQ_H, energy_kev=1.0)

    def _steers(self, name: str) -> bool:
        """Whether a region is large and active enough to set the effort."""
        settings, grid = self.request.transport, self.request.tia.grid
        voxels = self.request.regions[name]
        held = float(np.sum(self.request.tia.data[voxels.box] * voxels.fraction, dtype=np.float64))
        total = float(self.request.tia.data.sum(dtype=np.float64))
        return (
            voxels.voxel_count * grid.voxel_volume_ml >= settings.region_volume_ml
            and held >= settings.region_share * total
        )

    def _report(self, particle: Particle, share: float) -> None:
        if self.request.progress is not None:
            before = self._particles.index(particle)
            self.request.progress(Progress(fraction=min((before + share) / len(self._particles), 1.0)))

    def _local_kev(self, particles: Sequence[Particle]) -> float:
        """Energy per decay that stays where it is emitted."""
        heavy = self.spectra.alpha_energy_kev + self.spectra.recoil_kev_per_decay
        return heavy + sum(self.transport.spectrum(particle).local_kev_per_decay for particle in particles)

    def _on_grid(self, values: Array) -> Array:
        full = np.zeros(self.request.tia.grid.shape, np.float32)
        full[self.scene.box] = values
        return full

    def _account(self, results: Mapping[Particle, ParticleResult]) -> tuple[RadiationEnergy, ...]:
        """Where the energy of each radiation went; what air absorbs gives no dose and counts as escaped."""
        in_tissue = self.scene.per_kg > 0
        held = float(self.scene.decays[in_tissue].sum()) / self.scene.total_decays
        to_joule = self._joule_per_kev
        entries: list[tuple[Radiation, float, float]] = []
        for particle in self._particles:
            spectrum = self.transport.spectrum(particle)
            emitted = spectrum.energy_kev_per_decay + spectrum.local_kev_per_decay
            deposited = spectrum.local_kev_per_decay * held
            if particle in results:
                deposited += float(results[particle].energy_kev[in_tissue].sum())
            entries.append((particle, emitted, deposited))
        heavy = self.spectra.alpha_energy_kev + self.spectra.recoil_kev_per_decay
        if heavy > 0:
            entries.append(("alpha", heavy, heavy * held))
        return tuple(
            RadiationEnergy(radiation, emitted * to_joule, deposited * to_joule, (emitted - deposited) * to_joule)
            for radiation, emitted, deposited in entries
        )

    def _parameters(self, results: Mapping[Particle, ParticleResult]) -> dict[str, object]:
        nuclide = self.request.nuclide
        return {
            "nuclear_data": nuclide.nuclear_data,
            "electron_energy_kev": self.spectra.electron_energy_kev,
            "photon_energy_kev": self.spectra.photon_energy_kev,
            "density": self.request.density.method,
            "materials": list(self.scene.patient.material_names),
            "electron_cut_kev": self.request.transport.electron_cut_kev,
            "photon_cut_kev": self.request.transport.photon_cut_kev,
            "histories": {particle: result.histories for particle, result in results.items()},
            "batches": {particle: result.batches for particle, result in results.items()},
            "seconds": {particle: round(result.seconds, 3) for particle, result in results.items()},
            "energy_balance": {particle: result.balance for particle, result in results.items()},
        }

    def _statistics(self, results: Mapping[Particle, ParticleResult]) -> DoseStatistics:
        settings = self.request.transport
        relative_u = score_relative_u(results) if results else np.zeros(0)
        stopped_by: StoppedBy = "histories"
        if any(result.interrupted for result in results.values()):
            stopped_by = "interruption"
        elif self.transport.out_of_time:
            stopped_by = "time"
        elif settings.target_relative_u is not None and settings.histories is None:
            stopped_by = "target"
        decays = [
            result.histories / self.transport.spectrum(particle).particles_per_decay
            for particle, result in results.items()
        ]
        return DoseStatistics(
            histories=round(min(decays)) if decays else 0,
            seed=settings.seed,
            stopped_by=stopped_by,
            region_relative_u={
                name: float(value) for name, value in zip(self._names, relative_u[self._first :], strict=True)
            },
        )

    def _findings(self, results: Mapping[Particle, ParticleResult]) -> tuple[Finding, ...]:
        findings = []
        tolerance = float(load_yaml("radiation/transport.yaml")["energy_tolerance"]["value"])
        if any(result.interrupted for result in results.values()):
            findings.append(
                Finding(INTERRUPTED, "warning", "The calculation was interrupted: the dose is that of the finished part.")
            )
        for particle, result in results.items():
            lost = result.lost_kev / result.emitted_kev
            if max(abs(result.balance), lost) > tolerance:
                raise PhysicsError(
                    f"The energy of {particle}s is not conserved: {result.balance:+.2%} of what was emitted is missing or "
                    f"too much, {lost:.2%} had no room. This is a fault of the program: please report it.",
                    code="energy-not-conserved",
                )
        in_air = 1.0 - float(self.scene.decays[self.scene.per_kg > 0].sum()) / self.scene.total_decays
        return (*findings, *activity_in_air_findings(in_air))

