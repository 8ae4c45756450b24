"""redis-py against a Redis, or against something that must look like one.

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

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

# After so many requests of an outage run it says `running`.
RUNNING_AFTER = 50


def connect(args, **options):
    options = {
        "socket_timeout": 10,
        "protocol": args.resp,
        "password": args.password,
        # The library's own retries would hide what went wrong.
        "retry": Retry(NoBackoff(), 0),
        **options,
    }
    return redis.Redis(host="127.0.0.1", port=args.port, decode_responses=True, **options)


def equal(got, expected):
    if got != expected:
        raise AssertionError(f"got {got!r}, expected {expected!r}")


def values(args):
    """Set and get many keys, of every kind of text."""
    with connect(args) as client:
        equal(client.ping(), True)
        for number in range(200):
            equal(client.set(f"values:{number}", f"v{number}\r\n$"), True)
        for number in range(200):
            equal(client.get(f"values:{number}"), f"v{number}\r\n$")
        equal(client.get("values:none"), None)
        equal(client.incr("values:n"), client.incr("values:n") - 1)
        client.hset("values:h", mapping={"a": "1", "b": "2"})
        equal(client.hgetall("values:h"), {"a": "1", "b": "2"})
        client.delete("values:l")
        client.rpush("values:l", *range(50))
        equal(client.lrange("values:l", 0, -1), [str(n) for n in range(50)])


def large(args):
    """A value of 1 MiB, there and back."""
    with connect(args) as client:
        value = "0123456789abcdef" * (1 << 16)
        client.set("large", value)
        equal(client.get("large"), value)
        equal(client.delete("large"), 1)


def pipelines(args):
    """A thousand commands are written before the first reply is read; replies are by position."""
    with connect(args) as client:
        pipeline = client.pipeline(transaction=False)
        for number in range(500):
            pipeline.set(f"pipe:{number}", number)
            pipeline.get(f"pipe:{number}")
        expected = [said for number in range(500) for said in (True, str(number))]
        equal(pipeline.execute(), expected)


def deep(args):
    """A pipeline of 10 MB, whose replies are as large, is written before one of them is read.

    Weft's default bound for the unread replies of one client is 16 MiB.
    """
    with connect(args) as client:
        value = "0123456789" * 10_000
        pipeline = client.pipeline(transaction=False)
        for number in range(100):
            pipeline.set(f"deep:{number % 20}", value)
            pipeline.get(f"deep:{number % 20}")
        for number, reply in enumerate(pipeline.execute()):
            # Not `equal`: nobody wants to read 100 kB of what it is not.
            assert reply == (True if number % 2 == 0 else value), f"reply {number} is wrong"


def errors(args):
    """An error is its command's alone, also inside a pipeline."""
    with connect(args) as client:
        client.set("errors:text", "x")
        pipeline = client.pipeline(transaction=False)
        pipeline.set("errors:a", 1)
        pipeline.incr("errors:text")
        pipeline.get("errors:a")
        first, second, third = pipeline.execute(raise_on_error=False)
        equal((first, third), (True, "1"))
        equal(isinstance(second, redis.ResponseError), True)


def transactions(args):
    """MULTI and EXEC, beside another client's writes."""
    with connect(args) as client, connect(args) as other:
        client.delete("tx")
        pipeline = client.pipeline(transaction=True)
        pipeline.set("tx", 1)
        pipeline.incr("tx")
        pipeline.get("tx")
        equal(pipeline.execute(), [True, 2, "2"])
        equal(other.get("tx"), "2")


def watches(args):
    """A watched key that another client changes makes EXEC fail; left alone it does not."""
    with connect(args) as client, connect(args) as other:
        client.set("watched", 1)
        with client.pipeline() as pipeline:
            pipeline.watch("watched")
            equal(pipeline.get("watched"), "1")
            other.set("watched", 2)
            pipeline.multi()
            pipeline.set("watched", 3)
            try:
                pipeline.execute()
                raise AssertionError("EXEC went through although the key was changed")
            except redis.WatchError:
                pass
        equal(client.get("watched"), "2")
        with client.pipeline() as pipeline:
            pipeline.watch("watched")
            pipeline.multi()
            pipeline.set("watched", 4)
            equal(pipeline.execute(), [True])
        equal(client.get("watched"), "4")


def discards(args):
    """After DISCARD the connection serves as before, and others saw nothing."""
    with connect(args, single_connection_client=True) as client, connect(args) as other:
        other.set("discarded", "before")
        # With several Redises behind a proxy, a key must say which one's transaction it is.
        equal(client.execute_command("WATCH", "discarded"), True)
        equal(client.execute_command("MULTI"), "OK")
        equal(client.execute_command("APPEND", "discarded", "inside"), "QUEUED")
        equal(client.execute_command("DISCARD"), "OK")
        equal(other.get("discarded"), "before")
        equal(client.get("discarded"), "before")


def subscriptions(args):
    """A subscriber hears what others publish, and can leave and ask again."""
    with connect(args) as subscriber, connect(args) as publisher:
        listening = subscriber.pubsub(ignore_subscribe_messages=True)
        listening.subscribe("news")
        # The subscription is there once its confirmation was read.
        listening.get_message(timeout=5)
        for number in range(20):
            publisher.publish("news", f"n{number}")
        heard = []
        until = time.monotonic() + 5
        while len(heard) < 20 and time.monotonic() < until:
            message = listening.get_message(timeout=1)
            if message:
                heard.append(message["data"])
        equal(heard, [f"n{number}" for number in range(20)])
        listening.unsubscribe("news")
        listening.close()
        equal(subscriber.ping(), True)


def blocking(args):
    """BLPOP waits for another client's push; other clients are served meanwhile."""
    with connect(args) as waiter, connect(args) as other:
        other.delete("queue")
        popped = []
        thread = threading.Thread(target=lambda: popped.append(waiter.blpop("queue", timeout=5)))
        thread.start()
        for number in range(50):
            other.set("meanwhile", number)
            equal(other.get("meanwhile"), str(number))
        other.rpush("queue", "work")
        thread.join()
        equal([tuple(one) for one in popped], [("queue", "work")])
        # And one that ends without anything.
        equal(waiter.blpop("queue", timeout=1), None)


def waiters(args):
    """Twenty clients block, each on its own list, and each gets what was pushed to it."""
    popped = {}

    def one(number):
        with connect(args) as client:
            popped[number] = client.blpop(f"waiter:{number}", timeout=8)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    with connect(args) as other:
        for number in range(20):
            other.rpush(f"waiter:{number}", f"for {number}")
    for thread in threads:
        thread.join()
    got = {number: list(pair or []) for number, pair in popped.items()}
    equal(got, {number: [f"waiter:{number}", f"for {number}"] for number in range(20)})


def databases(args):
    """SELECT belongs to its connection alone."""
    with connect(args, db=1) as first, connect(args) as second:
        second.set("db", "zero")
        first.set("db", "one")
        equal((first.get("db"), second.get("db")), ("one", "zero"))
        first.delete("db")
        equal(second.get("db"), "zero")


def many(args):
    """Thirty clients at once, each with its own keys, none sees another's."""
    wrong = []

    def one(number):
        with connect(args) as client:
            for step in range(100):
                client.set(f"many:{number}", f"{number}-{step}")
                got = client.get(f"many:{number}")
                if got != f"{number}-{step}":
                    wrong.append(got)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(wrong, [])


def bare_transactions(args):
    """MULTI, each command and EXEC one by one: for a single Redis, as only the keys tell where."""
    with connect(args, single_connection_client=True) as client, connect(args) as other:
        client.set("bare", 1)
        equal(client.execute_command("MULTI"), "OK")
        equal(client.execute_command("INCR", "bare"), "QUEUED")
        equal(other.get("bare"), "1")
        equal(client.execute_command("EXEC"), [2])
        equal(client.get("bare"), "2")


def crossing_transactions(args):
    """A transaction whose keys live on several Redises is refused whole, and nothing of it is done."""
    keys = [f"crossing:{number}" for number in range(20)]
    with connect(args) as client, connect(args) as other:
        pipeline = client.pipeline(transaction=True)
        for key in keys:
            pipeline.set(key, 1)
        try:
            raise AssertionError(f"executed: {pipeline.execute()}")
        except redis.ResponseError as error:
            assert "weft: " in str(error), error
        equal([key for key in keys if other.get(key) is not None], [])
        # And its connection serves on.
        equal(client.set("crossing:after", 2), True)
        equal(client.get("crossing:after"), "2")


def strangers(args):
    """Who does not know the password gets nothing, also while others who know it are served."""
    with connect(args) as friend:
        friend.set("secret", "x")
        for password in (None, "wrong"):
            with connect(args, password=password) as stranger:
                try:
                    raise AssertionError(f"{password}: read {stranger.get('secret')!r}")
                except redis.AuthenticationError:
                    pass
            equal(friend.get("secret"), "x")


# What every Redis, and every ring of them, must do.
CHECKS = [
    values,
    large,
    pipelines,
    deep,
    errors,
    transactions,
    watches,
    discards,
    subscriptions,
    blocking,
    waiters,
    databases,
    many,
]
# What is only done when it is named.
MORE = [bare_transactions, crossing_transactions, strangers]


def outage(args):
    """Sets and gets for some seconds: what was answered, what failed, and in which words.

    A value that is gone counts as lost: it was set on a Redis that then died.
    """
    wrong, said, ok, lost = [], {}, 0, 0
    until = time.monotonic() + args.seconds
    with connect(args) as client:
        step = 0
        while time.monotonic() < until:
            step += 1
            if step == RUNNING_AFTER:
                print("running", flush=True)
            key = f"outage:{step % 97}"
            try:
                client.set(key, step)
                got = client.get(key)
                if got is None:
                    lost += 1
                elif got != str(step):
                    wrong.append([key, got, step])
                ok += 1
            except redis.ResponseError as error:
                said[str(error)] = said.get(str(error), 0) + 1
            except redis.RedisError as error:
                name = f"{type(error).__name__}: {error}"
                said[name] = said.get(name, 0) + 1
    return {"ok": ok, "lost": lost, "wrong": wrong[:10], "wrong_count": len(wrong), "said": said}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--resp", type=int, choices=[2, 3], default=3)
    parser.add_argument("--outage", action="store_true")
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--password")
    parser.add_argument("checks", nargs="*")
    args = parser.parse_args()
    # If it hangs, it says where before the test loses its patience.
    faulthandler.dump_traceback_later(40)

    if args.outage:
        print(json.dumps(outage(args)))
        return
    results = {}
    named = {check.__name__: check for check in CHECKS + MORE}
    for check in [named[name] for name in args.checks] or CHECKS:
        try:
            check(args)
            results[check.__name__] = "ok"
        except Exception:
            results[check.__name__] = traceback.format_exc(limit=2)
    print(json.dumps(results))


if __name__ == "__main__":
    sys.exit(main())
