"""A buffer of one place, with one condition for both directions, and with one for each."""

import threading


class OneCondition:
    """`notify` wakes one: it may be another who puts, and then nobody wakes who gets."""

    def __init__(self):
        self.items = []
        self.changed = threading.Condition()

    def put(self, item):
        with self.changed:
            while self.items:
                self.changed.wait()
            self.items.append(item)
            self.changed.notify()

    def get(self):
        with self.changed:
            while not self.items:
                self.changed.wait()
            item = self.items.pop()
            self.changed.notify()
            return item


class TwoConditions:
    """Who puts wakes one who gets, and the other way round."""

    def __init__(self):
        self.items = []
        lock = threading.Lock()
        self.room, self.item = threading.Condition(lock), threading.Condition(lock)

    def put(self, item):
        with self.room:
            while self.items:
                self.room.wait()
            self.items.append(item)
            self.item.notify()

    def get(self):
        with self.item:
            while not self.items:
                self.item.wait()
            item = self.items.pop()
            self.room.notify()
            return item


def use(make, puts=2, gets=2):
    """Have some put, each its own item, while others get."""
    buffer = make()
    threads = [threading.Thread(target=buffer.put, args=(f"item {i}",), name=f"put {i}") for i in range(puts)]
    threads += [threading.Thread(target=buffer.get, name=f"get {i}") for i in range(gets)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
