"""paho-mqtt against a mosquitto, or against something that must look like one.

Runs the checks named on the command line, or all of them, and prints one line of JSON: what each
said, "ok" or what went wrong. All clients of a run have the same user name, so that a proxy that
goes by it takes them to the same broker.
"""

import argparse
import faulthandler
import json
import sys
import threading
import time
import traceback

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

# No broker and no proxy is silent for longer.
PATIENCE = 15
# After so many messages of an outage run it says `running`, and a broker where clients are.
RUNNING_AFTER = 200

VERSIONS = {"3.1.1": mqtt.MQTTv311, "5": mqtt.MQTTv5}


def equal(got, expected):
    if got != expected:
        raise AssertionError(f"got {str(got)[:300]}, expected {str(expected)[:300]}")


class Peer:
    """A client that remembers what it was told."""

    def __init__(self, args, name, keepalive=60, will=None, session=None, user=None, start=True):
        self.version = VERSIONS[args.version]
        self.told = threading.Condition()
        self.messages, self.codes, self.pongs, self.ends = [], [], 0, 0
        self.subscribed, self.published, self.present = set(), set(), None
        self.leaves = []
        options = {}
        if self.version != mqtt.MQTTv5:
            options["clean_session"] = not session
        self.client = client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, f"{args.run}-{name}", protocol=self.version, **options
        )
        client.username_pw_set(user or args.user)
        client.max_inflight_messages_set(200)
        client.max_queued_messages_set(0)
        client.on_connect, client.on_disconnect = self.on_connect, self.on_disconnect
        client.on_message, client.on_log = self.on_message, self.on_log
        client.on_subscribe = lambda _c, _d, mid, *_: self.note(lambda: self.subscribed.add(mid))
        client.on_publish = lambda _c, _d, mid, *_: self.note(lambda: self.published.add(mid))
        if will:
            topic, payload, qos = will
            client.will_set(topic, payload, qos)
        more = {}
        if self.version == mqtt.MQTTv5:
            more["clean_start"] = not session
            if session:
                more["properties"] = Properties(PacketTypes.CONNECT)
                more["properties"].SessionExpiryInterval = 60
        self.client.connect("127.0.0.1", args.port, keepalive, **more)
        if start:
            client.loop_start()
            self.until(lambda: self.codes, "answer to CONNECT")

    def note(self, change):
        with self.told:
            change()
            self.told.notify_all()

    def on_connect(self, _client, _data, flags, code, properties):
        said = getattr(properties, "ReasonString", "")
        self.present = flags.session_present
        self.note(lambda: self.codes.append((code.getName(), code.value, said)))

    def on_disconnect(self, _client, _data, flags, code, properties):
        said = getattr(properties, "ReasonString", "")

        def change():
            self.ends += 1
            if flags.is_disconnect_packet_from_server:
                self.leaves.append((code.getName(), code.value, said))

        self.note(change)

    def on_message(self, _client, _data, message):
        self.note(lambda: self.messages.append(message))

    def on_log(self, _client, _data, _level, text):
        def change():
            self.pongs += 1

        if "PINGRESP" in text:
            self.note(change)

    def until(self, wanted, what):
        with self.told:
            if not self.told.wait_for(wanted, PATIENCE):
                raise AssertionError(f"no {what}; {len(self.messages)} messages, {self.ends} ends")

    def subscribe(self, topic, qos=2):
        _, number = self.client.subscribe(topic, qos)
        self.until(lambda: number in self.subscribed, f"SUBACK for {topic}")

    def publish(self, topic, payload, qos=1, **more):
        return self.client.publish(topic, payload, qos, **more).mid

    def texts(self, count):
        self.until(lambda: len(self.messages) >= count, f"{count} messages")
        return [(message.topic, message.payload.decode()) for message in self.messages]

    def broker(self):
        """Which broker this is, by a message that only that one keeps."""
        self.subscribe("broker/name")
        return self.texts(1)[-1][1]

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()

    def die(self):
        """The connection breaks off without a word."""
        self.client.loop_stop()
        self.client.socket().close()


def qualities(args):
    """Hundreds of messages in flight in each quality of service: each once, and in order."""
    reader, writer = Peer(args, "reader"), Peer(args, "writer")
    for qos in (0, 1, 2):
        topic = f"{args.run}/quality/{qos}"
        reader.subscribe(topic, qos)
        reader.messages.clear()
        sent = [(topic, f"{args.run}:{qos}:{number}") for number in range(500)]
        numbers = {writer.publish(topic, text, qos) for _, text in sent}
        writer.until(lambda: numbers <= writer.published, f"acknowledgements of quality {qos}")
        equal(reader.texts(500), sent)
        equal({message.qos for message in reader.messages}, {qos})
    for peer in (reader, writer):
        equal((peer.codes, peer.ends), ([("Success", 0, "")], 0))
        peer.close()


def retained(args):
    """A kept message waits for whoever comes, until it is taken back."""
    topic = f"{args.run}/kept"
    writer = Peer(args, "keeper")
    mid = writer.publish(topic, "stays", retain=True)
    writer.until(lambda: mid in writer.published, "acknowledgement")
    late = Peer(args, "late")
    late.subscribe(topic)
    equal((late.texts(1), late.messages[0].retain), ([(topic, "stays")], True))
    mid = writer.publish(topic, "", retain=True)
    writer.until(lambda: mid in writer.published, "acknowledgement")
    later = Peer(args, "later")
    later.subscribe(topic)
    mid = writer.publish(topic, "fresh")
    equal((later.texts(1), later.messages[0].retain), ([(topic, "fresh")], False))
    for peer in (writer, late, later):
        peer.close()


def wills(args):
    """The last will of a client whose connection breaks off, and of one that falls silent."""
    topic = f"{args.run}/wills"
    heir = Peer(args, "heir")
    heir.subscribe(topic)
    Peer(args, "broken", will=(topic, "broken off", 2)).die()
    equal(heir.texts(1), [(topic, "broken off")])
    silent = Peer(args, "silent", keepalive=1, will=(topic, "fell silent", 1))
    # Its connection stays open and says nothing any more.
    silent.client.loop_stop()
    equal(heir.texts(2)[1:], [(topic, "fell silent")])
    # Who takes its leave has no will.
    Peer(args, "polite", will=(topic, "never said", 1)).close()
    heir.publish(topic, "the end")
    equal(heir.texts(3)[2:], [(topic, "the end")])
    heir.close()


def pings(args):
    """A client that only pings stays, and hears what comes unasked at any time."""
    idle, writer = Peer(args, "idle", keepalive=1), Peer(args, "pinger")
    idle.subscribe(f"{args.run}/idle")
    for number in range(3):
        known = idle.pongs
        idle.until(lambda: idle.pongs > known, "PINGRESP")
        writer.publish(f"{args.run}/idle", str(number))
        equal(len(idle.texts(number + 1)), number + 1)
    equal((idle.ends, len(idle.codes)), (0, 1))
    idle.close()
    writer.close()


def large(args):
    """Messages of several MiB, there and back, with small ones between."""
    reader, writer = Peer(args, "lreader"), Peer(args, "lwriter")
    topic = f"{args.run}/large"
    reader.subscribe(topic)
    payload = bytes(range(256)) * (5 << 12)
    for qos in (0, 1, 2):
        writer.publish(topic, payload, qos)
        writer.publish(topic, f"small {qos}", qos)
    reader.until(lambda: len(reader.messages) >= 6, "6 messages")
    # Not `equal`: nobody wants to read 5 MiB of what it is not. Qualities keep order each.
    whole = [message.payload for message in reader.messages if len(message.payload) > 100]
    assert whole == [payload] * 3, "a large message is wrong"
    small = sorted(message.payload for message in reader.messages if len(message.payload) < 100)
    equal(small, [b"small 0", b"small 1", b"small 2"])
    reader.close()
    writer.close()


def sessions(args):
    """What came while a client was away is there when it returns."""
    topic = f"{args.run}/session"
    first = Peer(args, "returning", session=True)
    first.subscribe(topic, 1)
    first.close()
    writer = Peer(args, "swriter")
    numbers = {writer.publish(topic, str(number)) for number in range(20)}
    writer.until(lambda: numbers <= writer.published, "acknowledgements")
    again = Peer(args, "returning", session=True)
    # The broker may see the first ones come before it sees the client go: then they come again, later.
    heard = lambda: {message.payload.decode() for message in again.messages}
    again.until(lambda: len(heard()) >= 20, "20 messages")
    equal((heard(), again.present), ({str(number) for number in range(20)}, True))
    again.close()
    writer.close()


def properties(args):
    """What only version 5 has: properties of messages, aliases of topics, reasons."""
    topic = f"{args.run}/properties"
    reader, writer = Peer(args, "preader"), Peer(args, "pwriter")
    reader.subscribe(topic)
    said = Properties(PacketTypes.PUBLISH)
    said.ResponseTopic, said.CorrelationData = "answers", b"\x00\xff"
    said.UserProperty = [("tenant", "blue"), ("tenant", "red")]
    said.TopicAlias = 3
    writer.publish(topic, "one", properties=said)
    alias = Properties(PacketTypes.PUBLISH)
    alias.TopicAlias = 3
    writer.publish("", "two", properties=alias)
    equal(reader.texts(2), [(topic, "one"), (topic, "two")])
    got = reader.messages[0].properties
    equal((got.ResponseTopic, got.CorrelationData), ("answers", b"\x00\xff"))
    equal(got.UserProperty, [("tenant", "blue"), ("tenant", "red")])
    reader.close()
    writer.close()


def many(args):
    """Many clients at once, each with topics of its own, and all on one topic of all."""
    peers = [Peer(args, f"many{number}") for number in range(40)]
    for number, peer in enumerate(peers):
        peer.subscribe(f"{args.run}/many/{number}", number % 3)
        peer.subscribe(f"{args.run}/all", 1)
    for step in range(20):
        for number, peer in enumerate(peers):
            peer.publish(f"{args.run}/many/{number}", f"{number}/{step}", number % 3)
    for number in range(0, 40, 4):
        peers[number].publish(f"{args.run}/all", f"from {number}")
    for number, peer in enumerate(peers):
        texts = peer.texts(30)
        own = [text for topic, text in texts if topic.endswith(f"/many/{number}")]
        equal(own, [f"{number}/{step}" for step in range(20)])
        shared = sorted(text for topic, text in texts if topic.endswith("/all"))
        equal(shared, sorted(f"from {other}" for other in range(0, 40, 4)))
        peer.close()


CHECKS = [qualities, retained, wills, pings, large, sessions, properties, many]


def outage(args):
    """Clients with users of their own that publish to themselves for some seconds.

    Says for each on which brokers it was, how often its connection ended, and what of its
    messages was acknowledged and what came back. A client comes back by itself.
    """
    until = time.monotonic() + args.seconds
    peers = [Peer(args, f"out{number}", user=f"user{number}") for number in range(args.clients)]
    report, total, counted = [], [0], threading.Lock()

    def one(number, peer):
        topic, brokers, sent = f"{args.run}/out/{number}", [], 0
        acknowledged, wrong = set(), 0
        while time.monotonic() < until:
            connections = len(peer.codes)
            try:
                brokers.append(peer.broker())
                peer.subscribe(topic, 1)
                while time.monotonic() < until and len(peer.codes) == connections and peer.ends < connections:
                    mark = len(peer.messages)
                    token = f"{args.run}:{number}:{sent}"
                    sent += 1
                    mid = peer.publish(topic, token)
                    peer.until(
                        lambda: peer.ends >= connections
                        or (mid in peer.published and len(peer.messages) > mark),
                        f"message {token}",
                    )
                    if peer.ends >= connections:
                        break
                    acknowledged.add(token)
                    got = peer.messages[-1]
                    wrong += (got.topic, got.payload.decode()) != (topic, token)
                    with counted:
                        total[0] += 1
                        if total[0] == RUNNING_AFTER:
                            print("running", brokers[-1], flush=True)
            except AssertionError:
                if peer.ends < connections:
                    raise
            if time.monotonic() < until:
                peer.until(lambda: len(peer.codes) > connections, "connection again")
        report.append(
            {"brokers": brokers, "ends": peer.ends, "ok": len(acknowledged), "wrong": wrong, "codes": peer.codes}
        )

    failures = []

    def guarded(number, peer):
        try:
            one(number, peer)
        except Exception:
            failures.append(traceback.format_exc(limit=2))

    threads = [threading.Thread(target=guarded, args=pair) for pair in enumerate(peers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for peer in peers:
        peer.close()
    return {"clients": report, "failures": failures}


def refused(args):
    """What a client is told that cannot be served."""
    peer = Peer(args, "refused", start=False)
    peer.client.reconnect_delay_set(60)
    peer.client.loop_start()
    peer.until(lambda: peer.codes or peer.ends, "answer or end")
    return {"codes": peer.codes, "ends": peer.ends}


def farewell(args):
    """Says `running` once it is connected, then waits for the end and for what is said before it."""
    peer = Peer(args, "waits")
    peer.client.reconnect_delay_set(60)
    print("running", flush=True)
    peer.until(lambda: peer.ends, "end")
    return {"said": peer.leaves}


def where(args):
    """On which broker each of these users is."""
    found = {}
    for user in args.users.split(","):
        peer = Peer(args, f"at-{user}", user=user)
        found[user] = peer.broker()
        # What has no user in it goes where the connection is.
        topic = f"{args.run}/{user}"
        peer.subscribe(topic)
        for number in range(10):
            peer.publish(topic, str(number), number % 3)
        equal(len(peer.texts(11)), 11)
        peer.close()
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--version", choices=VERSIONS, default="5")
    parser.add_argument("--run", default="py")
    parser.add_argument("--user", default="all")
    parser.add_argument("--users")
    parser.add_argument("--outage", action="store_true")
    parser.add_argument("--refused", action="store_true")
    parser.add_argument("--farewell", action="store_true")
    parser.add_argument("--clients", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("checks", nargs="*")
    args = parser.parse_args()
    # If it hangs, it says where before the test loses its patience.
    faulthandler.dump_traceback_later(50)

    modes = [(args.outage, outage), (args.refused, refused), (args.farewell, farewell)]
    for asked, answer in [*modes, (args.users, where)]:
        if asked:
            print(json.dumps(answer(args)), flush=True)
            return
    results = {}
    named = {check.__name__: check for check in CHECKS}
    wanted = [check for check in CHECKS if args.version == "5" or check is not properties]
    for check in [named[check] for check in args.checks] or wanted:
        try:
            check(args)
            results[check.__name__] = "ok"
        except Exception:
            results[check.__name__] = traceback.format_exc(limit=2)
    print(json.dumps(results), flush=True)


if __name__ == "__main__":
    sys.exit(main())
