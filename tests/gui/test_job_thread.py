"""Threads: where callbacks run, how errors arrive, and that stopping closes the work."""

from __future__ import annotations

import threading
import time

import pytest

from napari_cellcycle.errors import ReadError
from napari_cellcycle.events import Note, Progress
from napari_cellcycle.gui.job_thread import JobThread


class Listener:
    def __init__(self) -> None:
        self.events, self.results, self.errors, self.ended, self.threads = [], [], [], 0, set()

    def start(self, events) -> JobThread:
        return JobThread(events, self._on_event, self.results.append, self._on_error, self._on_end)

    def _on_event(self, event) -> None:
        self.threads.add(threading.current_thread())
        self.events.append(event)

    def _on_error(self, error) -> None:
        self.threads.add(threading.current_thread())
        self.errors.append(error)

    def _on_end(self) -> None:
        self.threads.add(threading.current_thread())
        self.ended += 1


class Endless:
    """Keeps its generator, so that only an explicit close can close it."""

    def __init__(self) -> None:
        self.closed_in, self.generator = None, self._run()

    def _run(self):
        try:
            while True:
                time.sleep(0.001)
                yield Note("on and on")
        finally:
            self.closed_in = threading.current_thread()


@pytest.fixture
def listener(qapp) -> Listener:
    return Listener()


def test_work_runs_in_a_thread_and_callbacks_in_the_gui_thread(qtbot, listener) -> None:
    worked_in = set()

    def work():
        worked_in.add(threading.current_thread())
        yield Progress(1, 2, "counting")
        return 5

    listener.start(work())
    qtbot.waitUntil(lambda: listener.ended == 1)
    assert [type(event) for event in listener.events] == [Progress]
    assert listener.results == [5]
    assert listener.threads == {threading.main_thread()}
    assert threading.main_thread() not in worked_in


@pytest.mark.parametrize("error", [RuntimeError("shapes cannot be multiplied"), ReadError("a.tif is empty")])
def test_every_error_arrives_and_the_end_comes_after_it(qtbot, listener, error) -> None:
    def work():
        yield Note("here we go")
        raise error

    listener.start(work())
    qtbot.waitUntil(lambda: listener.ended == 1)
    assert listener.errors == [error]
    assert error.__traceback__ is not None


def test_cancel_closes_the_work_in_its_own_thread_and_says_so(qtbot, listener) -> None:
    endless = Endless()
    job = listener.start(endless.generator)
    qtbot.waitUntil(lambda: len(listener.events) > 2)
    job.cancel()
    qtbot.waitUntil(lambda: listener.ended == 1)
    assert endless.closed_in not in (None, threading.main_thread())
    assert job.cancelled


def test_an_abandoned_job_closes_the_work_and_calls_nobody(qtbot, listener) -> None:
    endless = Endless()
    job = listener.start(endless.generator)
    qtbot.waitUntil(lambda: len(listener.events) > 2)
    time.sleep(0.05)  # some events are on their way
    job.abandon()
    heard = len(listener.events)
    qtbot.waitUntil(lambda: endless.closed_in is not None)
    qtbot.waitUntil(lambda: job not in JobThread._running)
    assert (len(listener.events), listener.ended) == (heard, 0)


def test_a_paused_job_does_not_read_on_until_it_is_resumed(qtbot, listener) -> None:
    n_read = 0

    def work():
        nonlocal n_read
        while True:
            time.sleep(0.001)
            n_read += 1
            yield Note("on and on")

    job = listener.start(work())
    qtbot.waitUntil(lambda: len(listener.events) > 2)
    job.pause()
    time.sleep(0.05)  # it may have been at work on one more
    before = n_read
    time.sleep(0.05)
    assert (n_read, job.paused) == (before, True)
    job.resume()
    qtbot.waitUntil(lambda: n_read > before + 2)
    assert not job.paused
    job.cancel()
    qtbot.waitUntil(lambda: listener.ended == 1)


@pytest.mark.parametrize("end", [JobThread.cancel, JobThread.abandon])
def test_a_paused_job_can_be_ended(qtbot, listener, end) -> None:
    endless = Endless()
    job = listener.start(endless.generator)
    job.pause()
    time.sleep(0.05)
    end(job)
    qtbot.waitUntil(lambda: endless.closed_in is not None)
    qtbot.waitUntil(lambda: job not in JobThread._running)


def test_a_flood_of_progress_is_thinned_but_results_never_are(qtbot, listener) -> None:
    def work():
        for done in range(20_000):
            yield Progress(done, 20_000, "counting")
            if done % 1000 == 0:
                yield Note(str(done))
        return "counted"

    listener.start(work())
    qtbot.waitUntil(lambda: listener.ended == 1)
    kinds = [type(event) for event in listener.events]
    assert kinds.count(Note) == 20
    assert kinds.count(Progress) < 200
    assert listener.results == ["counted"]
