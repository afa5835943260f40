"""Figures as pictures: SVG as wide as its place, with text that keeps its size, coloured by the page's stylesheet."""

from __future__ import annotations

from lepinet.report.pictures.calibration import calibration
from lepinet.report.pictures.confusion import confusion
from lepinet.report.pictures.difference import difference
from lepinet.report.pictures.over_time import MeasuredRun, over_time
from lepinet.report.pictures.species import SpeciesRow, species

__all__ = ["MeasuredRun", "SpeciesRow", "calibration", "confusion", "difference", "over_time", "species"]
