"""Planning with 131I: benign disease of the thyroid, differentiated thyroid cancer, and mIBG."""

from theradose.plan.radioiodine import dtc as dtc
from theradose.plan.radioiodine import mibg as mibg
from theradose.plan.radioiodine import thyroid as thyroid
