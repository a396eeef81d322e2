"""Guesses are counted when they begin, by network and over all."""

from ragapp.web.guard.attempts import (
    FORGOTTEN_AFTER_S,
    FREE_ATTEMPTS,
    LONGEST_PAUSE_S,
    MOST_ATTEMPTS,
    WINDOW_S,
    Attempts,
)
from ragapp.web.guard.proxies import network_of


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


def test_five_are_free_and_then_each_pause_is_longer():
    clock = Clock()
    attempts = Attempts(clock)
    assert [attempts.reserve("a") for _ in range(FREE_ATTEMPTS)] == [0.0] * FREE_ATTEMPTS
    pauses = []
    for _ in range(8):
        pauses.append(attempts.reserve("a"))
        clock.now += pauses[-1]
        assert attempts.reserve("a") == 0.0
    assert pauses == sorted(pauses)
    assert pauses[0] < pauses[1] < pauses[2]
    assert pauses[-1] == LONGEST_PAUSE_S


def test_knocking_during_a_pause_does_not_lengthen_it():
    clock = Clock()
    attempts = Attempts(clock)
    for _ in range(FREE_ATTEMPTS):
        attempts.reserve("a")
    pause = attempts.reserve("a")
    for _ in range(100):
        assert attempts.reserve("a") == pause
    clock.now += pause
    assert attempts.reserve("a") == 0.0


def test_a_right_password_takes_back_what_was_counted():
    attempts = Attempts(Clock())
    for _ in range(FREE_ATTEMPTS):
        attempts.reserve("a")
    attempts.succeeded("a")
    assert attempts.reserve("a") == 0.0


def test_many_networks_together_are_limited_but_not_those_that_are_known():
    clock = Clock()
    attempts = Attempts(clock)
    attempts.reserve("known")
    attempts.succeeded("known")
    for number in range(MOST_ATTEMPTS - 1):
        assert attempts.reserve(f"n{number}") == 0.0
    assert 0 < attempts.reserve("another") <= WINDOW_S
    assert attempts.reserve("known") == 0.0
    clock.now += WINDOW_S
    assert attempts.reserve("another") == 0.0


def test_networks_are_forgotten():
    clock = Clock()
    attempts = Attempts(clock)
    for number in range(50):
        attempts.reserve(f"n{number}")
    clock.now += FORGOTTEN_AFTER_S
    attempts.reserve("new")
    assert len(attempts) == 1


def test_a_household_of_ipv6_is_one_network():
    assert network_of("2001:db8::1") == network_of("2001:db8:0:0:ffff::9")
    assert network_of("2001:db8::1") != network_of("2001:db8:0:1::1")
    assert network_of("::ffff:192.0.2.1") == network_of("192.0.2.1") == "192.0.2.1"
    assert network_of("192.0.2.1") != network_of("192.0.2.2")
    assert network_of("fe80::1%eth0") == network_of("fe80::2")
    assert network_of("what") == "unknown"
