"""Monte Carlo of a patient: electrons and photons as separate runs, until what is asked for is known well enough.

References
----------
[Salvat2019]_ Statistical uncertainty from independent batches.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence

import numpy as np

from theradose.data import load_yaml
from theradose.errors import PhysicsError
from theradose.model.arrays import Array
from theradose.radiation.emission import EmissionSpectra
from theradose.radiation.media import TransportCuts, packaged_cuts, transport_media
from theradose.radiation.patient import Effort, Particle, ParticleResult, Patient, Report
from theradose.radiation.photons import photon_energy_grid
from theradose.radiation.sources import ParticleSpectrum, electron_spectrum, particle_source, photon_spectrum
from theradose.radiation.transport import stack
from theradose.radiation.transport.problem import Problem
from theradose.radiation.transport.run import LEAST_BATCHES, Batches, BatchRun, Score
from theradose.radiation.transport.types import EMITTED, ESCAPED_ELECTRON, ESCAPED_PHOTON, LOST, Media, Voxels

_KINDS: Mapping[Particle, float] = {"electron": stack.ELECTRON, "photon": stack.PHOTON}
_SETTINGS = "radiation/transport.yaml"
# Bits that set seeds apart: the first short runs and the photons are other random numbers.
_PILOT_SEED, _PHOTON_SEED = 1 << 40, 1 << 41


class PatientTransport:
    """A patient with a source, ready to follow electrons and photons.

    Parameters
    ----------
    patient : Patient
        Densities and materials.
    activity : ndarray, shape (nz, ny, nx)
        Activity or time-integrated activity per voxel, any unit.
    spectra : EmissionSpectra
        Of the nuclide.
    effort : Effort
        How long to compute.
    scores : sequence of Score
        Linear functions of the energy per voxel to evaluate with their uncertainty.
    steering : int, optional
        How many of them, from the first, must reach the target; all by default.
    cuts : TransportCuts, optional
        The packaged ones by default.
    report : callable, optional
        Called with the particle and the share of its histories that is done.

    Attributes
    ----------
    out_of_time : bool
        Whether the time limit ended a run.
    target_met : bool
        Whether there was a target and it is reached.
    """

    def __init__(
        self,
        patient: Patient,
        activity: Array,
        spectra: EmissionSpectra,
        *,
        effort: Effort,
        scores: Sequence[Score] = (),
        steering: int | None = None,
        cuts: TransportCuts | None = None,
        report: Report | None = None,
    ) -> None:
        cuts = cuts or packaged_cuts()
        self._settings = load_yaml(_SETTINGS)
        self._effort = effort
        self._scores = tuple(scores)
        self._known = np.zeros(len(self._scores))
        self._known_kev: Array | float = 0.0
        self._steering = len(self._scores) if steering is None else steering
        self._activity = activity
        self._media = transport_media(patient.material_names, cuts)
        self._voxels = patient_voxels(patient, self._media)
        self._report = report
        self._begun = time.monotonic()
        self.out_of_time = False
        self.target_met = False
        self._spectra: Mapping[Particle, ParticleSpectrum] = {
            "electron": electron_spectrum(spectra, cut_kev=cuts.electron_kev),
            "photon": photon_spectrum(spectra, cut_kev=cuts.photon_kev),
        }
        for particle, spectrum in self._spectra.items():
            _check_energies(particle, spectrum, highest_kev=float(photon_energy_grid()[-1]))

    def spectrum(self, particle: Particle) -> ParticleSpectrum:
        """Return the particles of a kind that are followed, and the energy of those that are not."""
        return self._spectra[particle]

    def emits(self, particle: Particle) -> bool:
        """Return whether a kind of particle carries enough of the energy to be followed."""
        energy = sum(spectrum.energy_kev_per_decay for spectrum in self._spectra.values())
        return self._spectra[particle].energy_kev_per_decay > self._setting("least_energy_share") * energy

    def follow(
        self, particles: Sequence[Particle], *, known_kev: Array | None = None
    ) -> dict[Particle, ParticleResult]:
        """Return what each kind of particle does, for those asked for that the nuclide emits.

        With a target each kind gets the number of histories that reaches it soonest, estimated from a short first run
        that is not part of the result.

        Parameters
        ----------
        particles : sequence of str
            ``electron``, ``photon``.
        known_kev : ndarray, optional
            Energy per voxel and decay that is known without histories and counts in every score.

        Raises
        ------
        KeyboardInterrupt
            If the user ends the first run; later the batches that are finished are kept.
        """
        if known_kev is not None:
            flat = known_kev.reshape(-1)
            self._known = np.array([flat[score.voxel] @ score.weight for score in self._scores])
            self._known_kev = known_kev
        emitted = [particle for particle in particles if self.emits(particle)]
        limited = self._effort.time_limit_s is not None
        largest = self._setting("most_per_batch_limited" if limited else "most_per_batch")
        runs: dict[Particle, BatchRun] = {}
        for particle, histories in self._histories(emitted).items():
            batches = max(int(self._setting("batches")), math.ceil(histories / largest))
            runs[particle] = self._start(particle, math.ceil(histories / batches), self._effort.seed)
            waiting = len(emitted) - len(runs)
            if not self._extend(runs[particle], particle, batches, shared_with=waiting):
                break
        else:
            self._refine(runs)
        return {particle: self._result(particle, run) for particle, run in runs.items() if run.count >= LEAST_BATCHES}

    def _refine(self, runs: Mapping[Particle, BatchRun]) -> None:
        """Add histories until the targets are met, as far as the time and the number of decays allow."""
        if not self._targets():
            return
        excess = self._excess(self._results(runs))
        for _ in range(int(self._setting("rounds"))):
            if excess <= 1.0:
                break
            for particle, run in runs.items():
                more = math.ceil(run.count * (excess**2 - 1.0))
                if not self._extend(run, particle, min(more, self._batches_left(particle, run))):
                    return
            excess = self._excess(self._results(runs))
        self.target_met = excess <= 1.0

    def _batches_left(self, particle: Particle, run: BatchRun) -> int:
        """Return how many batches the number of decays, or else the largest number of histories, has room for."""
        most = int(self._setting("most_histories"))
        if self._effort.decays is not None:
            most = math.ceil(self._effort.decays * self._spectra[particle].particles_per_decay)
        return max(most - run.histories, 0) // run.per_batch

    def _histories(self, particles: Sequence[Particle]) -> dict[Particle, int]:
        """Return the number of histories of each kind of particle: what meets the targets, or that of the decays."""
        decays = self._effort.decays
        if decays is None and self._targets():
            return self._histories_for_targets(particles)
        most = int(self._setting("decays")) if decays is None else decays
        histories = {particle: math.ceil(most * self._spectra[particle].particles_per_decay) for particle in particles}
        if not self._targets():
            return histories
        needed = self._histories_for_targets(particles)
        return {particle: min(needed[particle], histories[particle]) for particle in particles}

    def _histories_for_targets(self, particles: Sequence[Particle]) -> dict[Particle, int]:
        """Return the histories to begin with, so that the targets are met at the least expected time.

        With the variance V and the time c of one history of each kind, N = √(V/c) Σ√(V c) / u² for one quantity; the
        largest over all quantities is taken.
        """
        per_batch = int(self._setting("pilot_histories"))
        pilots: dict[Particle, ParticleResult] = {}
        for particle in particles:
            run = self._start(particle, per_batch, self._effort.seed ^ _PILOT_SEED)
            if not self._extend(run, particle, int(self._setting("pilot_batches")), silent=True):
                # The first run is no part of the result, so that there is nothing to keep.
                raise KeyboardInterrupt
            pilots[particle] = self._result(particle, run)
        cost = {particle: self._setting(f"{particle}_cost") for particle in particles}
        variance = {
            particle: self._relative_variance(particle, pilots) * pilots[particle].histories for particle in pilots
        }
        weighed = sum(np.sqrt(variance[particle] * cost[particle]) for particle in particles)
        most = int(self._setting("most_histories"))
        histories = {}
        for particle in particles:
            needed = np.sqrt(variance[particle] / cost[particle]) * weighed
            begin = float(needed.max()) * self._setting("first_share")
            histories[particle] = min(max(_rounded(begin), per_batch), most)
        return histories

    def _targets(self) -> bool:
        wanted = (self._effort.target_relative_u, self._effort.target_voxel_u)
        return self._steering > 0 and any(target is not None for target in wanted)

    def _excess(self, results: Mapping[Particle, ParticleResult]) -> float:
        """Largest uncertainty over its target."""
        variances = (self._relative_variance(particle, results) for particle in results)
        return math.sqrt(float(sum(variances, np.zeros(1)).max()))

    def _relative_variance(self, particle: Particle, results: Mapping[Particle, ParticleResult]) -> Array:
        """Return what one particle adds to the square of uncertainty over target, for each steering score."""
        result, parts = results[particle], [np.zeros(0)]
        if self._effort.target_relative_u is not None:
            total = self._total(results)[: self._steering] * self._effort.target_relative_u
            score = result.score_variance[: self._steering]
            parts.append(np.divide(score, total**2, out=np.zeros(score.shape), where=total > 0))
        if self._effort.target_voxel_u is not None:
            energy = sum((other.energy_kev for other in results.values()), self._known_kev)
            scores = self._scores[: self._steering]
            parts.append(np.array([self._voxel_variance(score, energy, result.variance_kev2) for score in scores]))
        return np.concatenate(parts)

    def _voxel_variance(self, score: Score, energy_kev: Array | float, variance_kev2: Array) -> float:
        """Mean variance of the voxels of a score over the square of the target times their mean energy."""
        assert self._effort.target_voxel_u is not None
        if len(score.voxel) == 0:
            return 0.0
        mean = float(np.mean(np.broadcast_to(energy_kev, variance_kev2.shape).reshape(-1)[score.voxel]))
        spread = float(np.mean(variance_kev2.reshape(-1)[score.voxel]))
        return spread / (mean * self._effort.target_voxel_u) ** 2 if mean > 0 else 0.0

    def _start(self, particle: Particle, per_batch: int, seed: int) -> BatchRun:
        source = particle_source(self._activity, self._spectra[particle])
        seed ^= _PHOTON_SEED if particle == "photon" else 0
        problem = Problem(_KINDS[particle], source, self._voxels, self._media, seed, max(per_batch, 1))
        return BatchRun(
            self._batches(problem),
            shape=self._voxels.density.shape,
            per_batch=problem.per_batch,
            scores=self._scores,
            per_voxel=True,
        )

    def _batches(self, problem: Problem) -> Batches:
        if self._effort.device == "graphics-card":
            return graphics_card(problem)
        from theradose.radiation.transport.processor import Processor

        return Processor(problem, threads=self._effort.threads)

    def _extend(
        self, run: BatchRun, particle: Particle, count: int, *, shared_with: int = 0, silent: bool = False
    ) -> bool:
        """Run more batches; return whether all were run."""
        limit = None
        if self._effort.time_limit_s is not None:
            limit = (self._effort.time_limit_s - (time.monotonic() - self._begun)) / (1 + shared_with)
        first = run.count

        def on_batch(done: int) -> None:
            if self._report is not None and not silent:
                self._report(particle, (done - first) / count)

        run.extend(count, time_limit_s=limit, on_batch=on_batch)
        self.out_of_time = self.out_of_time or (run.count < first + count and not run.interrupted)
        # When the time is over the other particle still gets its share; only the user ends everything.
        return not run.interrupted

    def _results(self, runs: Mapping[Particle, BatchRun]) -> dict[Particle, ParticleResult]:
        return {particle: self._result(particle, run) for particle, run in runs.items()}

    def _result(self, particle: Particle, run: BatchRun) -> ParticleResult:
        spectrum = self._spectra[particle]
        # The energy drawn differs from that of the spectrum by chance only: the ratio takes this out.
        scale = spectrum.energy_kev_per_decay / float(run.account[EMITTED])
        between = run.count / (run.count - 1)
        variance = np.zeros((0, 0, 0))
        if run.squared_kev2 is not None:
            variance = run.energy_kev**2 * (-1.0 / run.count)
            variance += run.squared_kev2
            np.maximum(variance, 0.0, out=variance)
            variance *= between * scale**2
        scores = run.scores * scale
        return ParticleResult(
            energy_kev=run.energy_kev * scale,
            variance_kev2=variance,
            score=scores.sum(axis=0),
            score_variance=scores.var(axis=0, ddof=1) * run.count,
            emitted_kev=spectrum.energy_kev_per_decay,
            escaped_electron_kev=float(run.account[ESCAPED_ELECTRON]) * scale,
            escaped_photon_kev=float(run.account[ESCAPED_PHOTON]) * scale,
            lost_kev=float(run.account[LOST]) * scale,
            balance=run.energy_balance,
            histories=run.histories,
            batches=run.count,
            seconds=run.seconds,
            interrupted=run.interrupted,
        )

    def relative_u(self, results: Mapping[Particle, ParticleResult]) -> Array:
        """Return the relative standard uncertainty of each score, infinite for one that is 0."""
        total = self._total(results)
        u = np.sqrt(sum((result.score_variance for result in results.values()), np.zeros(total.shape)))
        relative: Array = np.divide(u, total, out=np.full(total.shape, np.inf), where=total > 0)
        return relative

    def _total(self, results: Mapping[Particle, ParticleResult]) -> Array:
        return np.asarray(sum((result.score for result in results.values()), self._known))

    def _setting(self, name: str) -> float:
        return float(self._settings[name]["value"])


def graphics_card(problem: Problem) -> Batches:
    """Return the graphics card with a problem.

    Raises
    ------
    PhysicsError
        ``no-graphics-card`` if there is none, or no CUDA for numba.

    References
    ----------
    [Salvat2019]_
    """
    try:
        from numba import cuda

        available = bool(cuda.is_available())
    except ImportError:
        available = False
    if not available:
        raise PhysicsError(
            "There is no graphics card that numba's CUDA can use: compute on the processor, or install the extra 'gpu' "
            "beside the driver of the card.",
            code="no-graphics-card",
        )
    from theradose.radiation.transport.graphics import GraphicsCard

    return GraphicsCard(problem)


def patient_voxels(patient: Patient, media: Media) -> Voxels:
    """Return the arrays of a patient with the majorant of its attenuation."""
    density = np.ascontiguousarray(patient.density_g_per_ml, np.float32)
    material = np.ascontiguousarray(patient.material, np.uint8)
    majorant = np.zeros(media.photon.shape[1])
    for index in range(len(patient.material_names)):
        present = material == index
        if present.any():
            largest = float(density[present].max())
            np.maximum(majorant, largest * media.photon[index, :, 0], out=majorant)
    z, y, x = (side / 10.0 for side in patient.spacing_mm)
    return Voxels(material, density, z, y, x, majorant)


def _check_energies(particle: Particle, spectrum: ParticleSpectrum, *, highest_kev: float) -> None:
    highest = float(spectrum.high_kev.max(initial=0.0))
    if highest > highest_kev:
        raise PhysicsError(
            f"There are {particle}s of {highest:.4g} keV, and the interaction data end at {highest_kev:.4g} keV: this "
            "nuclide cannot be followed.",
            code="transport-energy",
        )


def _rounded(histories: float) -> int:
    """Round up to two digits, so that the last bits of an estimate do not change the number."""
    if histories < 100:
        return math.ceil(histories)
    unit = 10.0 ** (math.floor(math.log10(histories)) - 1)
    return int(math.ceil(histories / unit) * unit)
