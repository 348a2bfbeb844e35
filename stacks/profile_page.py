"""The page of all addons and of the profiles that have them, made from the code.

``python -m stacks.profile_page`` writes docs/reference/profiles.md.
"""

from __future__ import annotations

from addons import catalogue, pins
from components.addon import Addon
from stacks.compose import barred, chosen
from stacks.profiles import PROFILES
from stacks.settings import Settings
from tools.paths import REPO
from tools.supply import Mode

PAGE = REPO / "docs" / "reference" / "profiles.md"
HEAD = """\
# Profiles

`cnai:profile` in a stack's file is a named set of addons; `cnai:addons` switches single ones on and
off over it. What an addon needs comes with it. ● is in the profile; ○ is in it with
`supply: upstream` alone; addons without a mark are switched on by name.

This page is made from the code by `make docs`.
"""
AFTER = """\

## Not from source

These cannot be had with `supply: source`:

"""


def page() -> str:
    """Return the page: a table of addons by profiles, then what only publishers have."""
    built, published = (
        {profile: _names(profile, mode) for profile in PROFILES}
        for mode in (Mode.SOURCE, Mode.UPSTREAM)
    )

    def mark(name: str, profile: str) -> str:
        if name in built[profile]:
            return "●"
        return "○" if name in published[profile] else ""

    rows = [
        f"| [{name}](../addons/{name}.md) | {addon.title} |"
        + "".join(f" {mark(name, profile)} |" for profile in PROFILES)
        for name, addon in catalogue().items()
    ]
    head = f"| Addon | | {' | '.join(PROFILES)} |\n|---|---|{':-:|' * len(PROFILES)}\n"
    why = [f"* **{name}** ({pins()[name].version}): {why}." for name, why in _missing().items()]
    return HEAD + "\n" + head + "\n".join(rows) + "\n" + AFTER + "\n".join(why) + "\n"


def _names(profile: str, mode: Mode) -> set[str]:
    found: list[Addon] = chosen(Settings(profile=profile), mode)
    return {addon.name for addon in found}


def _missing() -> dict[str, str]:
    return {name: why.rstrip(".") for name, why in sorted(barred(Mode.SOURCE).items())}


def main() -> None:
    """Write the page."""
    PAGE.write_text(page())


if __name__ == "__main__":
    main()
