"""Simulated INTEGRAL mission, written as FITS deliveries; see docs/explanation/simulated-mission.md."""

from ingestion.simulation.mission import write_mission
from ingestion.simulation.options import SimulationOptions

__all__ = ["SimulationOptions", "write_mission"]
