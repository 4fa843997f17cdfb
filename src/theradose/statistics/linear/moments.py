"""What the likelihood of a linear mixed model and its derivatives are made of.

With the covariance σ² H, H = I + Z Σ Zᵀ, of the response, everything that estimation and the approximate degrees of
freedom need is a sum over groups of products of M = Zᵀ H⁻¹ Z and B = Zᵀ H⁻¹ [X y], which are solved block by block:
no matrix of rows by rows is formed. Derivatives are taken by the elements of Σ, in which H is linear.

References
----------
[Bates2015]_ Profiled criterion.
[KenwardRoger1997]_ The sums P and Q.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from theradose.model.arrays import Array
from theradose.statistics.linear.random_effects import Bucket, Term


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Sums at one Σ. The elements r of Σ are those of :func:`elements`, term by term; H_r = ∂H/∂Σ_r.

    Attributes
    ----------
    log_determinant : float
        log |H|.
    gram : array, shape (k, k)
        Sᵀ H⁻¹ S for the columns S = [X y].
    trace : array, shape (m,)
        tr H⁻¹ H_r.
    traces : array, shape (m, m)
        tr H⁻¹ H_r H⁻¹ H_s.
    first : array, shape (m, k, k)
        Sᵀ H⁻¹ H_r H⁻¹ S.
    second : array, shape (m, m, k, k)
        Sᵀ H⁻¹ H_r H⁻¹ H_s H⁻¹ S.
    effects : tuple of array, shape (groups, c, k)
        Zᵀ H⁻¹ S of each term.
    spread : tuple of array, shape (groups, c, c)
        Blocks of Zᵀ H⁻¹ Z of each group of each term.
    """

    log_determinant: float
    gram: Array
    trace: Array
    traces: Array
    first: Array
    second: Array
    effects: tuple[Array, ...]
    spread: tuple[Array, ...]


@cache
def elements(size: int) -> Array:
    """Return the symmetric matrices ∂Σ/∂Σ_r of a covariance of `size` columns, shape (size (size + 1) / 2, size, size).

    They stand in the order of the lower triangle, column by column.
    """
    basis = []
    for j in range(size):
        for i in range(j, size):
            matrix = np.zeros((size, size))
            matrix[i, j] = matrix[j, i] = 1.0
            basis.append(matrix)
    return np.array(basis)


def moments(
    terms: Sequence[Term],
    buckets: Sequence[Bucket],
    sums: Sequence[Array],
    columns: Array,
    covariances: Sequence[Array],
) -> Moments:
    """Return the sums.

    Parameters
    ----------
    terms, buckets : sequence
        Random effects and their blocks.
    sums : sequence of array, shape (groups + 1, c, k)
        Zᵀ S of each term.
    columns : array, shape (n, k)
        S.
    covariances : sequence of array, shape (c, c)
        Relative covariance Σ of each term.
    """
    k = columns.shape[1]
    solved = [np.zeros_like(part) for part in sums]
    spread = [np.zeros((term.groups + 1, term.size, term.size)) for term in terms]
    pairs = [(t, u) for t in range(len(terms)) for u in range(len(terms))]
    traces = {(t, u): np.zeros((terms[t].size, terms[u].size) * 2) for t, u in pairs}
    seconds = {(t, u): np.zeros((terms[t].size,) * 2 + (terms[u].size,) * 2 + (k, k)) for t, u in pairs}
    log_determinant = 0.0
    for bucket in buckets:
        blocks, q = bucket.cross.shape[:2]
        right = np.concatenate(
            [part[groups].reshape(blocks, -1, k) for part, groups in zip(sums, bucket.groups, strict=True)], axis=1
        )
        system = _times_covariance(bucket, terms, covariances) + np.eye(q)
        log_determinant += float(np.linalg.slogdet(system)[1].sum())
        solution = np.linalg.solve(system, np.concatenate([bucket.cross, right], axis=2))
        m = (solution[:, :, :q] + solution[:, :, :q].transpose(0, 2, 1)) / 2
        b = [
            solution[:, a:e, q:].reshape(blocks, -1, term.size, k)
            for a, e, term in zip(bucket.edges[:-1], bucket.edges[1:], terms, strict=True)
        ]
        for t, u in pairs:
            part = m[:, bucket.edges[t] : bucket.edges[t + 1], bucket.edges[u] : bucket.edges[u + 1]]
            part = part.reshape(blocks, -1, terms[t].size, b[u].shape[1], terms[u].size)
            # Axes: element of t, element of u | block, group of t, group of u.
            flat = part.transpose(2, 4, 0, 1, 3).reshape(terms[t].size * terms[u].size, -1)
            traces[t, u] += (flat @ flat.T).reshape(traces[t, u].shape)
            product = np.einsum("xlbmc,xmdj->xlbcdj", part, b[u], optimize=True)
            seconds[t, u] += np.einsum("xlai,xlbcdj->abcdij", b[t], product, optimize=True)
            if t == u:
                spread[t][bucket.groups[t]] = np.einsum("xlalc->xlac", part)
        for whole, part, groups in zip(solved, b, bucket.groups, strict=True):
            whole[groups] = part
    effects = [part[:-1] for part in solved]
    bases = [elements(term.size) for term in terms]
    within = [np.einsum("lai,lbj->abij", part, part) for part in effects]
    diagonal = [part[:-1].sum(axis=0) for part in spread]
    return Moments(
        log_determinant=log_determinant,
        gram=_gram(terms, covariances, columns, solved, within),
        trace=np.concatenate([np.einsum("rab,ab->r", g, d) for g, d in zip(bases, diagonal, strict=True)]),
        traces=np.block(
            [
                [np.einsum("rab,scd,acbd->rs", g, h, traces[t, u]) for u, h in enumerate(bases)]
                for t, g in enumerate(bases)
            ]
        ),
        first=np.concatenate([np.einsum("rab,abij->rij", g, w) for g, w in zip(bases, within, strict=True)]),
        second=np.concatenate(
            [
                np.concatenate(
                    [np.einsum("rab,scd,abcdij->rsij", g, h, seconds[t, u]) for u, h in enumerate(bases)], axis=1
                )
                for t, g in enumerate(bases)
            ]
        ),
        effects=tuple(effects),
        spread=tuple(part[:-1] for part in spread),
    )


def _times_covariance(bucket: Bucket, terms: Sequence[Term], covariances: Sequence[Array]) -> Array:
    """Return ZᵀZ Σ of each block."""
    blocks, q = bucket.cross.shape[:2]
    return np.concatenate(
        [
            (bucket.cross[:, :, a:e].reshape(blocks, q, -1, term.size) @ covariance).reshape(blocks, q, e - a)
            for a, e, term, covariance in zip(bucket.edges[:-1], bucket.edges[1:], terms, covariances, strict=True)
        ],
        axis=2,
    )


def _gram(
    terms: Sequence[Term],
    covariances: Sequence[Array],
    columns: Array,
    solved: Sequence[Array],
    within: Sequence[Array],
) -> Array:
    """Return Sᵀ H⁻¹ S as a sum of squares, H⁻¹ = H⁻² + H⁻¹ Z Σ Zᵀ H⁻¹: nothing cancels where groups differ much."""
    rest = columns.copy()
    for term, covariance, part in zip(terms, covariances, solved, strict=True):
        rest -= np.einsum("ia,iak->ik", term.values, (covariance @ part)[term.codes])
    gram: Array = rest.T @ rest + sum(np.einsum("ab,abij->ij", c, w) for c, w in zip(covariances, within, strict=True))
    return gram
