"""The program: the settings of the selected stack become a platform."""

from stacks.compose import main

main()
