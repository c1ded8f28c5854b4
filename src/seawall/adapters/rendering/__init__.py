"""Documents written for people: Markdown, a terminal, one HTML file."""

from seawall.adapters.rendering.html import html
from seawall.adapters.rendering.markdown import markdown
from seawall.adapters.rendering.terminal import terminal

__all__ = ["html", "markdown", "terminal"]
