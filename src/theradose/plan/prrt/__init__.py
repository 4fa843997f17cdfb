"""Planning of a therapy in cycles under cumulative limits."""

from theradose.plan.prrt import planner as planner
