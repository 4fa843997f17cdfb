"""The site's database of treatments, the only place that knows SQL."""
