"""One space for all time points: resampling, registration, regions, volumes and masses."""
