"""`python -m cowpath`: the command line."""

from cowpath.command_line import main

main()
