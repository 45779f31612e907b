"""The engine: observe, then respond. Joins the stages; the only room besides the use cases that knows them all."""

from __future__ import annotations

from recoverops.pipeline.assess import Assessment, assess
from recoverops.pipeline.conditions import Conditions
from recoverops.pipeline.deliver import Courier, couriers
from recoverops.pipeline.evaluate import evaluate
from recoverops.pipeline.observe import Observer
from recoverops.pipeline.parts import ENGINE, Parts
from recoverops.pipeline.playbook import Page, Playbook
from recoverops.pipeline.respond import on_failure, respond
from recoverops.pipeline.streams import StreamIntake, needs_renewal, share_of
from recoverops.pipeline.sweep import Sweep
from recoverops.pipeline.wall import Wall

__all__ = [
    "ENGINE",
    "Assessment",
    "Conditions",
    "Courier",
    "Observer",
    "Page",
    "Parts",
    "Playbook",
    "StreamIntake",
    "Sweep",
    "Wall",
    "assess",
    "couriers",
    "evaluate",
    "needs_renewal",
    "on_failure",
    "respond",
    "share_of",
]
