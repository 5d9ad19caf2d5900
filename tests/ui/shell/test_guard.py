"""What the guard of the dashboard keeps and uses up; tests/cli/test_dashboard.py asks it over sockets."""

from promptgrid.ui.shell.guard import Keys


def test_the_ticket_on_the_command_line_of_a_browser_opens_once_and_the_key_always() -> None:
    keys = Keys()
    ticket = keys.ticket
    assert [keys.admit(ticket), keys.admit(ticket)] == [True, False]
    assert [keys.admit(keys.key), keys.admit(keys.key)] == [True, True]
    assert not keys.matches(keys.ticket)


def test_each_start_has_a_key_of_its_own() -> None:
    assert len({Keys().key for _ in range(9)} | {Keys().ticket for _ in range(9)}) == 18
