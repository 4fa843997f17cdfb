"""Binary outcomes: logistic models, with effects of groups and without, and how well scores tell outcomes apart."""
