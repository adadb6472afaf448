from tokensync_cli.sandbox.clock import Clock


def test_offset_moves_time_and_date() -> None:
    """The offset shows in both forms of the time."""
    clock = Clock(lambda: 1_660_000_000.0)
    assert clock.date() == "Mon, 08 Aug 2022 23:06:40 GMT"
    clock.offset = -600
    assert clock.now() == 1_659_999_400
    assert clock.date() == "Mon, 08 Aug 2022 22:56:40 GMT"
