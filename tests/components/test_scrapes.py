from __future__ import annotations

from components.scrapes import TEAMS, Scrape


def test_a_scrape_of_all_teams_is_one_for_each() -> None:
    scrape = Scrape(name="serving", namespace=TEAMS, labels={"a": "b"}, port=8082)
    one, two = scrape.places(("red", "blue"))
    assert (one.name, one.namespace) == ("serving-red", "red")
    assert (two.name, two.namespace) == ("serving-blue", "blue")
    assert one.labels == scrape.labels


def test_a_scrape_of_one_namespace_is_itself() -> None:
    scrape = Scrape(name="kueue", namespace="kueue-system", port=8443)
    assert scrape.places(("red",)) == (scrape,)
