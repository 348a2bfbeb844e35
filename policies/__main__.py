"""The policy pack: `pulumi preview --policy-pack policies`."""

from policies.pack import main

main()
