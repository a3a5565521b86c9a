"""A map that is backed up while it is written: from its first write on, a key's old value is kept.

Whoever writes a key for the first time copies what was there; who comes meanwhile waits for that copy. The
class has one seeded bug; `Mended` is the same without it. See test_cowmap.py.
"""

import threading


class CopyOnWriteMap:
    """Values by key, and beside them the snapshot: what they were when the map was made."""

    def __init__(self, data):
        self.data = dict(data)
        self.saved = {}
        self.copying = set()
        self.lock = threading.Lock()
        self.copied = threading.Condition(self.lock)

    def write(self, key, value):
        self.preserve(key)
        with self.lock:
            self.data[key] = value

    def preserve(self, key):
        """Keep the old value, unless somebody does, or has done, so."""
        with self.lock:
            while key in self.copying:
                self.copied.wait()
            if key in self.saved:
                return
            self.copying.add(key)
        old = self.data[key]  # slow, where the data are on a disk: so not under the lock
        with self.lock:
            self.saved[key] = old
            self.copying.remove(key)
            self.copied.notify_all()

    def read_snapshot(self, key):
        with self.lock:
            if key in self.saved:
                return self.saved[key]
        return self.data[key]  # the bug: since the look, a writer may have come and gone


class Mended(CopyOnWriteMap):
    """Looks and reads in one go."""

    def read_snapshot(self, key):
        with self.lock:
            return self.saved.get(key, self.data[key])
