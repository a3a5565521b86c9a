"""A lock for readers and writers, whose waiting writer keeps readers out; and its trap."""

import threading


class ReadWriteLock:
    """A writer is not starved by readers: once it waits, no reader comes in."""

    def __init__(self):
        self.changed = threading.Condition()
        self.readers = []
        self.writing = False
        self.waiting = 0

    def acquire_read(self):
        with self.changed:
            while self.keeps_out():
                self.changed.wait()
            self.readers.append(threading.get_ident())

    def release_read(self):
        with self.changed:
            self.readers.remove(threading.get_ident())
            self.changed.notify_all()

    def acquire_write(self):
        with self.changed:
            self.waiting += 1
            while self.readers or self.writing:
                self.changed.wait()
            self.waiting -= 1
            self.writing = True

    def release_write(self):
        with self.changed:
            self.writing = False
            self.changed.notify_all()

    def keeps_out(self):
        return self.writing or self.waiting


class Reentrant(ReadWriteLock):
    """Who reads already comes in once more: the waiting writer has to wait for it anyway."""

    def keeps_out(self):
        return self.writing or (self.waiting and threading.get_ident() not in self.readers)


def read_twice(lock):
    """Read, and call something that reads."""
    lock.acquire_read()
    lock.acquire_read()
    lock.release_read()
    lock.release_read()


def write(lock):
    lock.acquire_write()
    lock.release_write()


def use(make):
    """Have one read twice while another writes."""
    lock = make()
    threads = [
        threading.Thread(target=read_twice, args=(lock,), name="reader"),
        threading.Thread(target=write, args=(lock,), name="writer"),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
