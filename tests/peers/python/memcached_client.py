"""python-binary-memcached or pylibmc against a memcached, or against something that must look
like one.

Runs the checks named on the command line, or all of them, and prints one line of JSON: what each
said, "ok" or what went wrong.
"""

import argparse
import faulthandler
import json
import sys
import threading
import time
import traceback

import bmemcached
import pylibmc

# After so many requests of an outage run it says `running`.
RUNNING_AFTER = 50


class Bmemcached:
    """python-binary-memcached: opaque 0 always, one request at a time but for multi-gets."""

    def __init__(self, args):
        address = f"127.0.0.1:{args.port}"
        self.client = bmemcached.Client(
            (address,), args.user, args.password, socket_timeout=10, compression=None
        )
        # It waits for 5 s before it connects again, and calls that a miss.
        self.client.enable_retry_delay(False)
        self.error = bmemcached.exceptions.MemcachedException

    def get(self, key):
        return self.client.get(key)

    def set(self, key, value):
        return self.client.set(key, value, compress_level=0)

    def get_multi(self, keys):
        return self.client.get_multi(keys)

    def set_multi(self, pairs):
        return self.client.set_multi(pairs)

    def add(self, key, value):
        return self.client.add(key, value)

    def delete(self, key):
        return self.client.delete(key)

    def count(self, key):
        return [self.client.incr(key, 5, 10), self.client.incr(key, 5, 10), self.client.decr(key, 1)]

    def cas(self, key, value):
        _, version = self.client.gets(key)
        return [self.client.cas(key, value, version), self.client.cas(key, "late", version)]

    def stats(self):
        return list(self.client.stats().values())[0]

    def close(self):
        self.client.disconnect_all()


class Pylibmc:
    """pylibmc over libmemcached: opaques grow; a multi-get ends with a NOOP of its own."""

    def __init__(self, args):
        behaviors = {"tcp_nodelay": True, "receive_timeout": 10_000_000, "cas": True}
        self.client = pylibmc.Client(
            [f"127.0.0.1:{args.port}"],
            binary=True,
            username=args.user,
            password=args.password,
            behaviors=behaviors,
        )
        self.error = pylibmc.Error

    def get(self, key):
        return self.client.get(key)

    def set(self, key, value):
        return self.client.set(key, value)

    def get_multi(self, keys):
        return self.client.get_multi(keys)

    def set_multi(self, pairs):
        return self.client.set_multi(pairs)

    def add(self, key, value):
        return self.client.add(key, value)

    def delete(self, key):
        return self.client.delete(key)

    def count(self, key):
        self.client.set(key, "10")
        return [10, self.client.incr(key, 5), self.client.decr(key, 1)]

    def cas(self, key, value):
        _, version = self.client.gets(key)
        return [self.client.cas(key, value, version), self.client.cas(key, "late", version)]

    def stats(self):
        return self.client.get_stats()[0][1]

    def close(self):
        self.client.disconnect_all()


def connect(args):
    return {"bmemcached": Bmemcached, "pylibmc": Pylibmc}[args.lib](args)


def equal(got, expected):
    if got != expected:
        raise AssertionError(f"got {got!r}, expected {expected!r}")


def name(args, *parts):
    return ":".join([args.lib, *map(str, parts)])


def values(args):
    """Set and get many keys, one after another."""
    client = connect(args)
    for number in range(200):
        equal(client.set(name(args, "values", number), f"v{number}\r\n\x80"), True)
    for number in range(200):
        equal(client.get(name(args, "values", number)), f"v{number}\r\n\x80")
    equal(client.get(name(args, "values", "none")), None)
    key = name(args, "values", "one")
    client.delete(key)
    equal(bool(client.add(key, "a")), True)
    equal(bool(client.add(key, "b")), False)
    equal(client.get(key), "a")
    equal(bool(client.delete(key)), True)
    equal(client.get(key), None)
    client.close()


def multi(args):
    """Quiet operations: hundreds of gets of which some miss, and of sets, each in one batch."""
    client = connect(args)
    pairs = {name(args, "multi", number): f"m{number}" for number in range(300)}
    equal(list(client.set_multi(pairs)), [])
    absent = [name(args, "absent", number) for number in range(100)]
    for _ in range(3):
        asked = [key for both in zip(pairs, absent * 3) for key in both]
        equal(client.get_multi(asked), pairs)
        equal(client.get_multi(absent), {})
        equal(client.get(name(args, "multi", 7)), "m7")
    client.close()


def counters(args):
    """Counters begin and grow; a version that has changed is told."""
    client = connect(args)
    key = name(args, "counter")
    client.delete(key)
    equal(client.count(key), [10, 15, 14])
    key = name(args, "cas")
    client.set(key, "old")
    equal([bool(done) for done in client.cas(key, "new")], [True, False])
    equal(client.get(key), "new")
    client.close()


def large(args):
    """A value of nearly 1 MiB, which a memcached takes at most, there and back."""
    client = connect(args)
    value = "0123456789abcdef" * 60_000
    for _ in range(3):
        equal(bool(client.set(name(args, "large"), value)), True)
        # Not `equal`: nobody wants to read 960 kB of what it is not.
        assert client.get(name(args, "large")) == value, "a large value is wrong"
    client.close()


def statistics(args):
    """An answer in many frames."""
    client = connect(args)
    stats = {str(key): value for key, value in client.stats().items()}
    # libmemcached keeps those that it knows.
    assert len(stats) > 20, stats
    assert stats["version"], stats
    client.close()


def many(args):
    """Many clients at once, each with keys of its own."""
    failures = []

    def one(number):
        try:
            client = connect(args)
            for step in range(60):
                key = name(args, "many", number, step % 7)
                client.set(key, f"{number}/{step}")
                equal(client.get(key), f"{number}/{step}")
                keys = [name(args, "many", number, k) for k in range(7)]
                found = client.get_multi(keys)
                equal({value.split("/")[0] for value in found.values()}, {str(number)})
            client.close()
        except Exception:
            failures.append(traceback.format_exc(limit=2))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(failures, [])


CHECKS = [values, multi, counters, large, statistics, many]


def outage(args):
    """Sets and gets for some seconds: what was answered, what failed, and in which words.

    A value that is gone counts as lost: it was set on a memcached that then died.
    """
    wrong, said, ok, lost = [], {}, 0, 0
    until = time.monotonic() + args.seconds
    client = connect(args)
    step, newest = 0, {}
    while time.monotonic() < until:
        step += 1
        if step == RUNNING_AFTER:
            print("running", flush=True)
        key = name(args, "outage", step % 97)
        newest.pop(key, None)
        try:
            client.set(key, str(step))
            got = client.get(key)
            if got is None:
                lost += 1
            elif got != str(step):
                wrong.append([key, got, step])
            newest[key] = str(step)
            for key, got in client.get_multi([*newest, name(args, "outage", "none")]).items():
                if got != newest.get(key):
                    wrong.append([key, got, newest.get(key)])
            ok += 1
        except client.error as error:
            words = f"{type(error).__name__}: {error}"
            said[words] = said.get(words, 0) + 1
            if args.lib == "pylibmc":
                # After an error that it does not know it takes its server for dead.
                client.close()
                client = connect(args)
    client.close()
    return {"ok": ok, "lost": lost, "wrong": wrong[:10], "wrong_count": len(wrong), "said": said}


def refused(args):
    """What a get, a set and a multi-get raise where nothing can be served."""
    client = connect(args)
    key = name(args, "refused")
    told = {}
    asked = {
        "get": lambda: client.get(key),
        "set": lambda: client.set(key, "x"),
        "get_multi": lambda: client.get_multi([key, key + "2"]),
        "delete": lambda: client.delete(key),
    }
    for operation, ask in asked.items():
        try:
            told[operation] = f"no error: {ask()!r}"
        except client.error as error:
            told[operation] = f"{type(error).__name__}: {error}"
    client.close()
    return told


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--lib", choices=["bmemcached", "pylibmc"], default="bmemcached")
    parser.add_argument("--outage", action="store_true")
    parser.add_argument("--refused", action="store_true")
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--user")
    parser.add_argument("--password")
    parser.add_argument("checks", nargs="*")
    args = parser.parse_args()
    # If it hangs, it says where before the test loses its patience.
    faulthandler.dump_traceback_later(40)

    if args.outage or args.refused:
        print(json.dumps(outage(args) if args.outage else refused(args)))
        return
    results = {}
    named = {check.__name__: check for check in CHECKS}
    for check in [named[check] for check in args.checks] or CHECKS:
        try:
            check(args)
            results[check.__name__] = "ok"
        except Exception:
            results[check.__name__] = traceback.format_exc(limit=2)
    print(json.dumps(results))


if __name__ == "__main__":
    sys.exit(main())
