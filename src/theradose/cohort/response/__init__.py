"""Dose and response of tumours: from volumes and doses by cycle to the analysis of Warfvinge and others.

References
----------
[Warfvinge2024]_
"""
