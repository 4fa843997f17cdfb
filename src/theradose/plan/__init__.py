"""Treatment planning: from doses to the next decision, with its limits, its uncertainty and its sources."""

# A planner registers itself when it is imported.
from theradose.plan import level1 as level1
from theradose.plan import prrt as prrt
from theradose.plan import radioiodine as radioiodine
from theradose.plan import tare as tare
