"""The program: the settings of the selected stack become a platform."""

from stacks.program import main

main()
