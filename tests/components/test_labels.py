from __future__ import annotations

from components.labels import DOMAIN, managed, merged, selector


def test_a_selector_is_part_of_the_labels_it_selects() -> None:
    assert selector("kueue").items() <= managed("kueue").items()
    assert selector("kueue", "proof").items() <= managed("kueue", "proof").items()


def test_objects_of_one_addon_with_two_names_do_not_select_each_other() -> None:
    assert not selector("kueue").items() <= managed("kueue", "proof").items()


def test_every_object_says_which_addon_made_it() -> None:
    assert managed("kueue")[f"{DOMAIN}/addon"] == "kueue"


def test_the_later_label_wins() -> None:
    assert merged({"a": "1", "b": "1"}, {"b": "2"}) == {"a": "1", "b": "2"}
