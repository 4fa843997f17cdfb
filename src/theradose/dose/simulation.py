"""A Monte Carlo of a dose request: what to follow, how far, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from theradose.data import load_number
from theradose.dose.energy import emitted_energy, energy_findings
from theradose.dose.engines import DoseRequest, Progress
from theradose.dose.kernel import check_right_angles
from theradose.dose.local import DECAYS_PER_MBQ_H, activity_in_air_findings, emitted_energy_j
from theradose.dose.scene import activity_score, region_scores, transport_scene
from theradose.errors import PhysicsError
from theradose.model.arrays import Array
from theradose.model.dose import DoseMap, DoseStatistics, Radiation, RadiationEnergy, StoppedBy
from theradose.model.finding import Finding
from theradose.model.grid import Volume
from theradose.radiation.in_place import spectra_in_place
from theradose.radiation.media import packaged_cuts
from theradose.radiation.patient import Effort, Particle, ParticleResult
from theradose.radiation.patient_transport import PatientTransport

Results = Mapping[Particle, ParticleResult]


class Simulation:
    """The transport of a request.

    Parameters
    ----------
    request : DoseRequest
        What is asked for.
    particles : sequence of str
        What is followed, ``electron`` and ``photon``.
    electron_kev : ndarray, optional
        Energy of electrons per voxel of the grid and decay, where they are not followed.

    Raises
    ------
    GeometryError
        If the axes of the grid are not at right angles.
    PhysicsError
        For a nuclide without emission data or a map without activity.
    """

    def __init__(
        self, request: DoseRequest, particles: Sequence[Particle], *, electron_kev: Array | None = None
    ) -> None:
        check_right_angles(request.tia.grid)
        settings = request.transport
        self._request = request
        self._particles = tuple(particles)
        self._scene = transport_scene(request)
        self._total_decays = self._scene.total_decays
        self._spectra = spectra_in_place(request.nuclide)
        scores = region_scores(request, self._scene)
        steering = [name for name in scores if self._steers(name)]
        self._names = [*steering, *(name for name in scores if name not in steering)]
        ordered = [scores[name] for name in self._names]
        if not steering:
            # Nothing is asked for by name: what holds activity counts as one region.
            ordered.insert(0, activity_score(self._scene))
        self._unnamed = len(ordered) - len(self._names)
        self._cuts = packaged_cuts(electron_kev=settings.electron_cut_kev, photon_kev=settings.photon_cut_kev)
        self._transport = PatientTransport(
            self._scene.patient,
            self._scene.decays,
            self._spectra,
            effort=Effort(
                decays=settings.histories,
                target_relative_u=settings.target_relative_u,
                target_voxel_u=settings.target_voxel_u,
                time_limit_s=settings.time_limit_s,
                seed=settings.seed,
                threads=settings.threads,
                device=settings.device,
            ),
            scores=ordered,
            steering=max(len(steering), 1),
            cuts=self._cuts,
            report=None if request.progress is None else self._report,
        )
        self._computed = {} if electron_kev is None else {"electron": electron_kev[self._scene.box]}

    def run(self, engine: str) -> tuple[DoseMap, tuple[Finding, ...]]:
        """Follow the particles and return the dose map of everything.

        Raises
        ------
        KeyboardInterrupt
            If the user ends it before there is anything with an uncertainty.
        PhysicsError
            ``energy-not-conserved``, which no input should cause.
        """
        scene = self._scene
        energy = scene.decays * (sum(self._local_kev().values()) / self._total_decays)
        for part in self._computed.values():
            energy += part
        results = self._transport.follow(self._particles, known_kev=energy)
        if any(self._transport.emits(particle) and particle not in results for particle in self._particles):
            raise KeyboardInterrupt
        account = self._account(results)
        variance = np.zeros(energy.shape)
        for result in results.values():
            energy += result.energy_kev
            variance += result.variance_kev2
        to_gy = scene.per_kg * self._joule_per_kev
        dose = DoseMap(
            self._on_grid(energy * to_gy),
            self._request.tia.grid,
            engine=engine,
            parameters=self._parameters(results),
            u=Volume(self._on_grid(np.sqrt(variance, out=variance) * to_gy), self._request.tia.grid),
            energy=account,
            statistics=self._statistics(results),
        )
        return dose, self._findings(results)

    @property
    def _joule_per_kev(self) -> float:
        """Energy in J of one keV per decay."""
        return emitted_energy_j(tia_mbq_h=self._total_decays / DECAYS_PER_MBQ_H, energy_kev=1.0)

    def _local_kev(self) -> dict[Radiation, float]:
        """Energy per decay that stays where it is emitted."""
        local: dict[Radiation, float] = {"alpha": self._spectra.alpha_energy_kev + self._spectra.recoil_kev_per_decay}
        for particle in self._particles:
            local[particle] = self._transport.spectrum(particle).local_kev_per_decay
        return local

    def _steers(self, name: str) -> bool:
        """Whether a region is large and active enough to set the effort."""
        settings, tia = self._request.transport, self._request.tia
        voxels = self._request.regions[name]
        held = voxels.sum_of(tia.data)
        return (
            voxels.voxel_count * tia.grid.voxel_volume_ml >= settings.region_volume_ml
            and held >= settings.region_share * float(tia.data.sum(dtype=np.float64))
        )

    def _report(self, particle: Particle, share: float) -> None:
        if self._request.progress is not None:
            done = self._particles.index(particle) + share
            self._request.progress(Progress(fraction=min(done / len(self._particles), 1.0)))

    def _on_grid(self, values: Array) -> Array:
        full = np.zeros(self._request.tia.grid.shape, np.float32)
        full[self._scene.box] = values
        return full

    def _account(self, results: Results) -> tuple[RadiationEnergy, ...]:
        """Where the energy of each radiation went; what air absorbs gives no dose and counts as escaped."""
        tissue = self._scene.per_kg > 0
        held = float(self._scene.decays.sum(where=tissue)) / self._total_decays
        local = self._local_kev()
        emitted: dict[Radiation, float] = {
            "electron": self._spectra.electron_energy_kev,
            "photon": self._spectra.photon_energy_kev,
            "alpha": local["alpha"],
        }
        entries = []
        for radiation, per_decay in emitted.items():
            deposited = local.get(radiation, 0.0) * held
            if radiation in self._computed:
                deposited += float(self._computed[radiation].sum(where=tissue))
            if radiation != "alpha" and radiation in results:
                deposited += float(results[radiation].energy_kev.sum(where=tissue))
            if per_decay > 0:
                amounts = (per_decay, deposited, per_decay - deposited)
                entries.append(RadiationEnergy(radiation, *(amount * self._joule_per_kev for amount in amounts)))
        return tuple(entries)

    def _parameters(self, results: Results) -> dict[str, object]:
        return {
            "nuclear_data": self._spectra.nuclear_data,
            "electron_energy_kev": self._spectra.electron_energy_kev,
            "photon_energy_kev": self._spectra.photon_energy_kev,
            "alpha_energy_kev": self._local_kev()["alpha"],
            "density": self._request.density.method,
            "materials": list(self._scene.patient.material_names),
            "electron_cut_kev": self._cuts.electron_kev,
            "photon_cut_kev": self._cuts.photon_kev,
            "histories": {particle: result.histories for particle, result in results.items()},
            "batches": {particle: result.batches for particle, result in results.items()},
            "seconds": {particle: round(result.seconds, 3) for particle, result in results.items()},
            "energy_balance": {particle: result.balance for particle, result in results.items()},
        }

    def _statistics(self, results: Results) -> DoseStatistics:
        settings = self._request.transport
        stopped_by: StoppedBy = "target" if self._transport.target_met else "histories"
        if any(result.interrupted for result in results.values()):
            stopped_by = "interruption"
        elif self._transport.out_of_time:
            stopped_by = "time"
        relative_u = self._transport.relative_u(results)[self._unnamed :]
        decays = [
            result.histories / self._transport.spectrum(particle).particles_per_decay
            for particle, result in results.items()
        ]
        return DoseStatistics(
            histories=round(min(decays, default=0)),
            seed=settings.seed,
            stopped_by=stopped_by,
            region_relative_u={name: float(value) for name, value in zip(self._names, relative_u, strict=True)},
        )

    def _findings(self, results: Results) -> tuple[Finding, ...]:
        tolerance = load_number("radiation/transport.yaml", "energy_tolerance")
        for particle, result in results.items():
            lost = result.lost_kev / result.emitted_kev
            if max(abs(result.balance), lost) > tolerance:
                raise PhysicsError(
                    f"The energy of {particle}s is not conserved: {result.balance:+.2%} of what was emitted is missing "
                    f"or too much, {lost:.2%} found no room. This is a fault of the program: please report it.",
                    code="energy-not-conserved",
                )
        in_air = 1.0 - float(self._scene.decays.sum(where=self._scene.per_kg > 0)) / self._total_decays
        findings = (*activity_in_air_findings(in_air), *energy_findings(emitted_energy(self._request.nuclide)))
        if any(result.interrupted for result in results.values()):
            message = "The calculation was interrupted: the dose is that of the histories until then."
            findings = (*findings, Finding("interrupted", "warning", message))
        return findings
