// MQTT.js against a mosquitto, or against something that must look like one. Runs its checks and
// prints one line of JSON: what each said, "ok" or what went wrong. All clients of a run have the
// same user name, so that a proxy that goes by it takes them to the same broker.
'use strict';

const assert = require('node:assert');
const { parseArgs } = require('node:util');
const mqtt = require('mqtt');

const { values: args } = parseArgs({
  options: {
    port: { type: 'string' },
    version: { type: 'string', default: '5' },
    run: { type: 'string', default: 'js' },
    user: { type: 'string', default: 'all' },
    refused: { type: 'boolean', default: false },
    farewell: { type: 'boolean', default: false },
    outage: { type: 'boolean', default: false },
    clients: { type: 'string', default: '12' },
    seconds: { type: 'string', default: '3' },
  },
});

// No broker and no proxy is silent for longer.
const PATIENCE_MS = 15_000;
// After so many messages of an outage run it says `running`, and a broker where clients are.
const RUNNING_AFTER = 200;

const five = args.version === '5';
const open = [];

async function within(promise, what) {
  let timer;
  const late = new Promise((_, no) => {
    timer = setTimeout(no, PATIENCE_MS, new Error(`no ${what}`));
  });
  await Promise.race([promise, late]);
  clearTimeout(timer);
  return promise;
}

// A client that remembers what it heard.
async function connect(name, options = {}) {
  const client = mqtt.connect(`mqtt://127.0.0.1:${args.port}`, {
    clientId: `${args.run}-${name}`,
    username: args.user,
    protocolVersion: five ? 5 : 4,
    reconnectPeriod: 0,
    ...options,
  });
  open.push(client);
  client.heard = [];
  client.ends = 0;
  client.on('error', () => {});
  client.on('close', () => {
    client.ends += 1;
  });
  client.on('message', (topic, payload, packet) => {
    client.heard.push({ topic, payload, packet });
    client.emit('heard');
  });
  await within(new Promise((resolve, reject) => {
    client.once('connect', resolve);
    client.once('error', reject);
  }), 'CONNACK');
  return client;
}

async function hears(client, count) {
  await within(new Promise((resolve) => {
    const look = () => client.heard.length >= count && resolve();
    client.on('heard', look);
    look();
  }), `${count} messages: ${client.heard.length} came`);
  return client.heard.map(({ payload }) => payload.toString());
}

const checks = {
  // Hundreds of messages in flight in each quality of service: each once, and in order.
  async qualities() {
    const [reader, writer] = [await connect('reader'), await connect('writer')];
    for (const qos of [0, 1, 2]) {
      const topic = `${args.run}/quality/${qos}`;
      await reader.subscribeAsync(topic, { qos });
      reader.heard = [];
      const sent = Array.from({ length: 500 }, (_, n) => `${args.run}:${qos}:${n}`);
      const all = sent.map((text) => writer.publishAsync(topic, text, { qos }));
      await within(Promise.all(all), `acknowledgements of quality ${qos}`);
      assert.deepStrictEqual(await hears(reader, 500), sent);
      assert(reader.heard.every(({ packet }) => packet.qos === qos));
    }
    assert.deepStrictEqual([reader.ends, writer.ends], [0, 0]);
  },

  // A kept message waits for whoever comes, until it is taken back.
  async retained() {
    const topic = `${args.run}/kept`;
    const writer = await connect('keeper');
    await writer.publishAsync(topic, 'stays', { retain: true, qos: 1 });
    const late = await connect('late');
    await late.subscribeAsync(topic);
    assert.deepStrictEqual(await hears(late, 1), ['stays']);
    assert.strictEqual(late.heard[0].packet.retain, true);
    await writer.publishAsync(topic, '', { retain: true, qos: 1 });
    const later = await connect('later');
    await later.subscribeAsync(topic);
    await writer.publishAsync(topic, 'fresh', { qos: 1 });
    assert.deepStrictEqual(await hears(later, 1), ['fresh']);
  },

  // The last will of a client whose connection breaks off, and none of one that takes its leave.
  async wills() {
    const topic = `${args.run}/wills`;
    const heir = await connect('heir');
    await heir.subscribeAsync(topic, { qos: 2 });
    const broken = await connect('broken', { will: { topic, payload: 'broken off', qos: 2 } });
    broken.stream.destroy();
    assert.deepStrictEqual(await hears(heir, 1), ['broken off']);
    const polite = await connect('polite', { will: { topic, payload: 'never said', qos: 2 } });
    await polite.endAsync();
    await heir.publishAsync(topic, 'the end', { qos: 2 });
    assert.deepStrictEqual(await hears(heir, 2), ['broken off', 'the end']);
  },

  // A client that only pings stays, and hears what comes unasked.
  async pings() {
    const idle = await connect('idle', { keepalive: 1 });
    const writer = await connect('pinger');
    let pongs = 0;
    const three = new Promise((resolve) => {
      idle.on('packetreceive', ({ cmd }) => {
        if (cmd === 'pingresp') pongs += 1;
        if (pongs === 3) resolve();
      });
    });
    await idle.subscribeAsync(`${args.run}/idle`);
    await within(three, 'three PINGRESPs');
    await writer.publishAsync(`${args.run}/idle`, 'unasked', { qos: 1 });
    assert.deepStrictEqual(await hears(idle, 1), ['unasked']);
    assert.strictEqual(idle.ends, 0);
  },

  // Messages of several MiB, there and back.
  async large() {
    const [reader, writer] = [await connect('lreader'), await connect('lwriter')];
    const payload = Buffer.alloc(5 << 20, 'weft0123456789ab');
    await reader.subscribeAsync(`${args.run}/large`, { qos: 2 });
    const all = [0, 1, 2].map((qos) => writer.publishAsync(`${args.run}/large`, payload, { qos }));
    await within(Promise.all(all), 'acknowledgements');
    await hears(reader, 3);
    const right = reader.heard.every((message) => message.payload.equals(payload));
    assert(right, 'a large message is wrong');
  },

  // What came while a client was away is there when it returns.
  async sessions() {
    const kept = five
      ? { clean: false, properties: { sessionExpiryInterval: 60 } }
      : { clean: false };
    const first = await connect('returning', kept);
    await first.subscribeAsync(`${args.run}/session`, { qos: 1 });
    await first.endAsync();
    const writer = await connect('swriter');
    const sent = Array.from({ length: 20 }, (_, n) => `away ${n}`);
    await Promise.all(sent.map((text) => writer.publishAsync(`${args.run}/session`, text, { qos: 1 })));
    const again = await connect('returning', kept);
    // The broker may see the first ones come before it sees the client go: then they come later.
    assert.deepStrictEqual((await hears(again, 20)).sort(), sent.sort());
  },

  // Many clients at once, each with a topic of its own.
  async many() {
    const clients = await Promise.all(Array.from({ length: 40 }, (_, n) => connect(`many${n}`)));
    await Promise.all(clients.map(async (client, number) => {
      const topic = `${args.run}/many/${number}`;
      await client.subscribeAsync(topic, { qos: number % 3 });
      const sent = Array.from({ length: 20 }, (_, step) => `${number}/${step}`);
      await Promise.all(sent.map((text) => client.publishAsync(topic, text, { qos: number % 3 })));
      assert.deepStrictEqual(await hears(client, 20), sent);
    }));
  },

  // What only version 5 has.
  async properties() {
    if (!five) return;
    const [reader, writer] = [await connect('preader'), await connect('pwriter')];
    await reader.subscribeAsync(`${args.run}/properties`);
    const said = {
      responseTopic: 'answers',
      correlationData: Buffer.from([0, 255]),
      userProperties: { tenant: ['blue', 'red'] },
    };
    await writer.publishAsync(`${args.run}/properties`, 'one', { properties: said });
    await hears(reader, 1);
    const got = reader.heard[0].packet.properties;
    assert.deepStrictEqual({ ...got, userProperties: { ...got.userProperties } }, said);
  },
};

// What a client is told that cannot be served.
async function refused() {
  const client = mqtt.connect(`mqtt://127.0.0.1:${args.port}`, {
    username: args.user,
    protocolVersion: five ? 5 : 4,
    reconnectPeriod: 0,
  });
  return within(new Promise((resolve) => {
    let reason = '';
    client.on('packetreceive', ({ properties }) => {
      reason = properties?.reasonString ?? '';
    });
    client.once('connect', () => resolve({ kind: 'connected' }));
    client.once('error', ({ message, code }) => resolve({ kind: 'error', message, code, reason }));
    client.once('close', () => resolve({ kind: 'closed' }));
  }), 'answer or end');
}

// Says `running` once it is connected, then waits for the end and for what is said before it.
async function farewell() {
  const client = await connect('waits');
  let said = {};
  client.on('disconnect', ({ reasonCode, properties }) => {
    said = { code: reasonCode, reason: properties?.reasonString };
  });
  console.log('running');
  await within(new Promise((resolve) => client.once('close', resolve)), 'end');
  return said;
}

// Clients with users of their own that publish to themselves for some seconds. Says for each on which
// brokers it was, how often its connection ended, and what of its messages came back. A client comes
// back by itself.
async function outage() {
  const until = Date.now() + Number(args.seconds) * 1_000;
  const clients = [];
  const failures = [];
  let total = 0;
  const one = async (number) => {
    const topic = `${args.run}/out/${number}`;
    const client = await connect(`out${number}`, {
      username: `user${number}`, reconnectPeriod: 50, resubscribe: false,
    });
    const said = { brokers: [], ends: 0, ok: 0, wrong: 0 };
    const sent = new Set();
    let connections = 1;
    client.on('connect', () => {
      connections += 1;
    });
    const settled = (wanted, what) => within(new Promise((resolve) => {
      const look = () => {
        if (wanted()) resolve();
        else setTimeout(look, 2);
      };
      look();
    }), what);
    while (Date.now() < until) {
      const ends = client.ends;
      client.heard = [];
      client.subscribe(['broker/name', topic], { qos: 1 }, () => {});
      await settled(() => client.heard.length > 0 || client.ends > ends, 'name of a broker');
      if (client.ends === ends) said.brokers.push(client.heard[0].payload.toString());
      while (Date.now() < until && client.ends === ends) {
        const token = `${args.run}:${number}:${sent.size}`;
        sent.add(token);
        const mark = client.heard.length;
        client.publish(topic, token, { qos: 1 }, () => {});
        await settled(() => client.heard.length > mark || client.ends > ends, `message ${token}`);
        const news = client.heard.slice(mark);
        const right = (message) => message.topic === topic && sent.has(message.payload.toString());
        said.wrong += news.filter((message) => !right(message)).length;
        if (news.some(({ payload }) => payload.toString() === token)) {
          said.ok += 1;
          total += 1;
          if (total === RUNNING_AFTER) console.log(`running ${said.brokers.at(-1)}`);
        }
      }
      if (Date.now() < until) await settled(() => connections > client.ends, 'connection again');
    }
    said.ends = client.ends;
    clients.push(said);
  };
  const all = Array.from({ length: Number(args.clients) }, (_, number) => one(number).catch((error) => {
    failures.push(String(error.stack));
  }));
  await Promise.all(all);
  return { clients, failures };
}

async function main() {
  if (args.outage) {
    console.log(JSON.stringify(await outage()));
    process.exit(0);
  }
  if (args.refused || args.farewell) {
    console.log(JSON.stringify(await (args.refused ? refused() : farewell())));
    process.exit(0);
  }
  const results = {};
  for (const [name, check] of Object.entries(checks)) {
    try {
      await check();
      results[name] = 'ok';
    } catch (error) {
      results[name] = String(error.stack).split('\n').slice(0, 24).join('\n');
    }
    await Promise.all(open.splice(0).map((client) => client.endAsync(true)));
  }
  console.log(JSON.stringify(results));
  process.exit(0);
}

main();
