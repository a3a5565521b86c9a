"""How Sphinx builds these pages: Markdown as GitHub shows it, read by MyST; the API from the docstrings."""

from importlib.metadata import version as installed

project = "cowpath"
version = release = installed("cowpath")
extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_build"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = f"cowpath {version}"
html_show_copyright = False
autodoc_typehints = "description"
autodoc_member_order = "bysource"
default_role = "code"  # what docstrings mean by `name`
suppress_warnings = ["misc.highlighting_failure"]  # Promela, TLA+ and Mermaid are shown as they are
