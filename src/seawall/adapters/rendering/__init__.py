"""Documents written for people: a terminal, Markdown, one HTML file, a PDF, a notebook."""

from seawall.adapters.rendering.html import fragment, html
from seawall.adapters.rendering.markdown import markdown
from seawall.adapters.rendering.pdf import pdf
from seawall.adapters.rendering.terminal import terminal

__all__ = ["fragment", "html", "markdown", "pdf", "terminal"]
