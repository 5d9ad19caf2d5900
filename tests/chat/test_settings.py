"""The settings of a conversation."""

from __future__ import annotations

import pytest

from promptgrid.chat import ChatVariant, Settings, from_json, to_json
from promptgrid.errors import PlanError
from tests.chat.talk import OK


def test_settings_survive_and_have_one_to_four_variants() -> None:
    settings = Settings((ChatVariant(1, OK, 0.5, "Hi"),), "examples", 100, 20)
    assert from_json(to_json(settings)) == settings
    more = settings.with_one_more().with_one_more().with_one_more()
    assert [variant.id for variant in more.variants] == [1, 2, 3, 4]
    with pytest.raises(PlanError, match="at most"):
        more.with_one_more()
    assert [variant.id for variant in more.without(2).with_one_more().variants] == [1, 3, 4, 5]
    assert settings.without(1) == settings
    with pytest.raises(PlanError, match="Variant 9 no longer exists"):
        settings.variant(9)
