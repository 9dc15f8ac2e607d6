"""The illustrator: draws captioned vertical scenes without end, each from one seed.

`scene` decides and renders, `light`, `sky`, `weather` and `terrain` are what all subjects share, `subjects` draws the things themselves,
`style` gives the finished picture its look and `caption` says in words what it shows.
"""

from .scene import Scene, render
from .style import STYLES
from .subjects import SUBJECTS

__all__ = ["SUBJECTS", "STYLES", "Scene", "render"]
