"""Planning and verification of radioembolisation (transarterial radioembolisation, TARE)."""

from theradose.plan.tare import planner as planner
