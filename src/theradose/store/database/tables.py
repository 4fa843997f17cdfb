"""Tables of the database, schema version 1."""

from __future__ import annotations

from sqlalchemy import Double, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

SCHEMA_VERSION = 1
SCHEMA_TABLE = "theradose_schema"
# Some databases index only text of a stated length.
_NAME = String(200)
_HASH = String(64)


class Base(DeclarativeBase):
    """Base of all tables."""

    type_annotation_map = {float: Double, str: _NAME}


class SchemaRow(Base):
    """The one row that says what the database is; its fixed key lets only one process write it."""

    __tablename__ = SCHEMA_TABLE

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int]
    identity: Mapped[str]


class TreatmentRow(Base):
    """One cycle of one patient."""

    __tablename__ = "theradose_treatments"
    __table_args__ = (UniqueConstraint("patient", "cycle"), UniqueConstraint("run"))

    id: Mapped[int] = mapped_column(primary_key=True)
    patient: Mapped[str]
    cycle: Mapped[int]
    identity: Mapped[str]
    therapy: Mapped[str | None]
    nuclide: Mapped[str]
    activity_mbq: Mapped[float]
    administered_at: Mapped[str | None]
    run: Mapped[str]
    input_hash: Mapped[str | None] = mapped_column(_HASH, index=True)
    result_sha256: Mapped[str] = mapped_column(_HASH)
    software: Mapped[str]
    source_sha256: Mapped[str | None] = mapped_column(_HASH)
    engine: Mapped[str | None]
    calibration: Mapped[str | None] = mapped_column(Text)
    replaces: Mapped[str | None]
    regions: Mapped[list[RegionRow]] = relationship(
        order_by="RegionRow.id", cascade="all, delete-orphan", passive_deletes=True, lazy="selectin"
    )


class RegionRow(Base):
    """One region of a treatment."""

    __tablename__ = "theradose_regions"
    __table_args__ = (UniqueConstraint("treatment_id", "region"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    treatment_id: Mapped[int] = mapped_column(ForeignKey(f"{TreatmentRow.__tablename__}.id", ondelete="CASCADE"))
    region: Mapped[str] = mapped_column(index=True)
    kind: Mapped[str]
    model: Mapped[str | None]
    extrapolated_fraction: Mapped[float | None]
    dose_gy: Mapped[float | None]
    u_dose_gy: Mapped[float | None]
    dose_per_activity_gy_gbq: Mapped[float | None]
    u_dose_per_activity_gy_gbq: Mapped[float | None]
    tia_mbq_h: Mapped[float | None]
    u_tia_mbq_h: Mapped[float | None]
    effective_half_life_h: Mapped[float | None]
    u_effective_half_life_h: Mapped[float | None]
    volume_ml: Mapped[float | None]
    u_volume_ml: Mapped[float | None]
    mass_g: Mapped[float | None]
    u_mass_g: Mapped[float | None]
    bed_gy: Mapped[float | None]
    u_bed_gy: Mapped[float | None]
    eqd2_gy: Mapped[float | None]
    u_eqd2_gy: Mapped[float | None]
