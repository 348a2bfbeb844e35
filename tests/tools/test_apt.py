"""Where Debian packages come from is what apt says, whatever it says it of."""

import shutil

import pytest

from tools import apt
from tools.apt import Mirrors

BOTH = """Debian|Debian|bookworm|http://mirror.test/debian/|Packages
Debian|Debian|bookworm|http://mirror.test/debian/|Translations
Debian|Debian|bookworm-updates|http://mirror.test/debian/|Packages
Debian|Debian-Security|bookworm-security|http://mirror.test/debian-security/|Packages
NodeSource|Node|nodistro|https://other.test/node/|Packages
"""


def test_archive_and_security_are_told_apart_and_others_left_out() -> None:
    assert apt.parse(BOTH) == Mirrors(
        "http://mirror.test/debian/", "http://mirror.test/debian-security/"
    )


@pytest.mark.parametrize(
    "listing",
    [
        "",
        "Ubuntu|Ubuntu|noble|http://mirror.test/ubuntu/|Packages\n",
        "Debian|Debian|bookworm|cdrom://disk/|Packages\n",
        "Debian|Debian\n",
    ],
)
def test_no_mirror_is_no_mirror(listing: str) -> None:
    assert apt.parse(listing) is None


def test_an_address_that_was_given_wins() -> None:
    assert apt.parse("", "http://own.test/debian") == Mirrors("http://own.test/debian", None)
    found = apt.parse(BOTH, "http://own.test/debian")
    assert found == Mirrors("http://own.test/debian", "http://mirror.test/debian-security/")


def test_sources_name_updates_and_security() -> None:
    text = Mirrors("http://a.test/debian/", "http://b.test/security/").sources("bookworm")
    assert text.splitlines() == [
        "deb http://a.test/debian/ bookworm main",
        "deb http://a.test/debian/ bookworm-updates main",
        "deb http://b.test/security/ bookworm-security main",
    ]
    assert "security" not in Mirrors("http://a.test/debian/", None).sources("bookworm")


@pytest.mark.skipif(not shutil.which("apt-config"), reason="no apt on this machine")
def test_settings_for_another_apt_are_proxies_and_certificates_only() -> None:
    for line in apt.acquire_settings().splitlines():
        assert line.startswith("Acquire::")
        assert line.endswith(";")
        assert "IndexTargets" not in line
