import os
import signal
import threading

import pytest

from utils.interrupt import Interrupt, Interrupted


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_noted_and_the_former_handler_comes_back(number):
    former = signal.getsignal(number)
    with Interrupt() as interrupt:
        assert interrupt.signal is None
        os.kill(os.getpid(), number)
        assert interrupt.signal == number
    assert signal.getsignal(number) is former


def test_check_raises_once_a_signal_has_come():
    with Interrupt() as interrupt:
        interrupt.check()
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(Interrupted):
            interrupt.check()


def test_a_second_signal_takes_its_former_way():
    former = signal.signal(signal.SIGINT, signal.default_int_handler)  # a process in the background may ignore it
    try:
        second_signal()
    finally:
        signal.signal(signal.SIGINT, former)


def second_signal():
    with pytest.raises(KeyboardInterrupt), Interrupt() as interrupt:
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupt.signal == signal.SIGINT
        os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture
def former_handler():
    former = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, former)


def test_of_several_processes_a_signal_counts_once_all_know_of_it_and_none_ends_one_alone(former_handler):
    with Interrupt(patient=True) as interrupt:
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGTERM)
        interrupt.check()
        interrupt.agree([None, None])  # told before it came
        interrupt.check()
        assert interrupt.signal == signal.SIGTERM and interrupt.ending is None
        interrupt.agree([interrupt.signal, None, signal.SIGINT])
        with pytest.raises(Interrupted):
            interrupt.check()
        assert interrupt.ending == signal.SIGINT
    os.kill(os.getpid(), signal.SIGTERM)  # as torchrun does to those that are ending


def test_handlers_come_back_after_an_error():
    former = signal.getsignal(signal.SIGTERM)
    with pytest.raises(ValueError), Interrupt():
        raise ValueError
    assert signal.getsignal(signal.SIGTERM) is former


def test_a_thread_other_than_the_main_one_may_enter():
    seen = []

    def enter():
        with Interrupt() as interrupt:
            seen.append(interrupt.signal)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert seen == [None]


@pytest.mark.parametrize("patient", [False, True])
def test_within_another_one_that_one_hears(former_handler, patient):
    former = signal.getsignal(signal.SIGTERM)
    with Interrupt(patient) as outer:
        with Interrupt() as inner, outer:
            os.kill(os.getpid(), signal.SIGTERM)
        assert outer.signal == signal.SIGTERM and inner.signal is None
        assert (signal.getsignal(signal.SIGTERM) == outer._note) == patient  # else a second one ends the process
    assert signal.getsignal(signal.SIGTERM) is former
