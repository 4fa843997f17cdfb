"""Planning without images: published doses per activity beside the activity of a patient."""

from theradose.plan.level1 import planner as planner
