// ioredis against a Redis, or against something that must look like one. Runs the checks named on
// the command line, or all of them, and prints one line of JSON: what each said, "ok" or what went
// wrong.
'use strict';

const assert = require('node:assert');
const { parseArgs } = require('node:util');
const Redis = require('ioredis');

const { values: args, positionals } = parseArgs({
  options: {
    port: { type: 'string' },
    outage: { type: 'boolean', default: false },
    refused: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '2' },
  },
  allowPositionals: true,
});

// After so many sets and gets of an outage run it says `running`.
const RUNNING_AFTER = 200;

const open = [];
function connect(options = {}) {
  const client = new Redis({
    host: '127.0.0.1',
    port: Number(args.port),
    maxRetriesPerRequest: 2,
    commandTimeout: 10_000,
    ...options,
  });
  client.on('error', () => {});
  open.push(client);
  return client;
}

const checks = {
  // Commands of one turn of the event loop go out as one pipeline.
  async autopipelining() {
    const client = connect({ enableAutoPipelining: true });
    const keys = Array.from({ length: 300 }, (_, n) => `auto:${n}`);
    await Promise.all(keys.map((key, n) => client.set(key, n)));
    const got = await Promise.all(keys.map((key) => client.get(key)));
    assert.deepStrictEqual(got, keys.map((_, n) => String(n)));
  },

  async values() {
    const client = connect();
    await client.set('js:a', 'x'.repeat(1 << 20));
    assert.strictEqual((await client.get('js:a')).length, 1 << 20);
    await client.del('js:a');
    assert.strictEqual(await client.get('js:a'), null);
    await client.hset('js:h', { a: '1', b: '2' });
    assert.deepStrictEqual(await client.hgetall('js:h'), { a: '1', b: '2' });
  },

  async pipelines() {
    const client = connect();
    const pipeline = client.pipeline();
    for (let n = 0; n < 300; n += 1) {
      pipeline.set(`jp:${n}`, n).get(`jp:${n}`);
    }
    const got = await pipeline.exec();
    const expected = Array.from({ length: 300 }, (_, n) => [[null, 'OK'], [null, String(n)]]);
    assert.deepStrictEqual(got, expected.flat());
  },

  async transactions() {
    const client = connect();
    await client.del('jt');
    const got = await client.multi().set('jt', 1).incr('jt').get('jt').exec();
    assert.deepStrictEqual(got, [[null, 'OK'], [null, 2], [null, '2']]);
    assert.strictEqual(await client.get('jt'), '2');
  },

  async subscriptions() {
    const subscriber = connect();
    const publisher = connect();
    const heard = [];
    const all = new Promise((resolve) => {
      subscriber.on('message', (channel, message) => {
        heard.push(message);
        if (heard.length === 20) resolve();
      });
    });
    await subscriber.subscribe('js:news');
    for (let n = 0; n < 20; n += 1) {
      await publisher.publish('js:news', `n${n}`);
    }
    await Promise.race([all, new Promise((_, no) => setTimeout(no, 5000, new Error('not heard')))]);
    assert.deepStrictEqual(heard, Array.from({ length: 20 }, (_, n) => `n${n}`));
    await subscriber.unsubscribe('js:news');
    assert.strictEqual(await subscriber.ping(), 'PONG');
  },

  async blocking() {
    const waiter = connect();
    const other = connect();
    await other.del('js:queue');
    const popped = waiter.blpop('js:queue', 5);
    for (let n = 0; n < 50; n += 1) {
      await other.set('js:meanwhile', n);
      assert.strictEqual(await other.get('js:meanwhile'), String(n));
    }
    await other.rpush('js:queue', 'work');
    assert.deepStrictEqual(await popped, ['js:queue', 'work']);
  },

  async errors() {
    const client = connect();
    await client.set('js:text', 'x');
    await assert.rejects(client.incr('js:text'), /not an integer/);
    assert.strictEqual(await client.get('js:text'), 'x');
  },
};

// Sets and gets for some seconds, many in flight on one connection: what was answered, what
// failed, and in which words. A value that is gone counts as lost: it was on a Redis that died.
async function outage() {
  const report = { ok: 0, lost: 0, wrong_count: 0, said: {}, kinds: {} };
  const client = connect();
  const until = Date.now() + Number(args.seconds) * 1000;
  const strand = async (number) => {
    for (let step = 0; Date.now() < until; step += 1) {
      const [key, value] = [`jo:${number}:${step % 97}`, `${number}/${step}`];
      try {
        const [, got] = await Promise.all([client.set(key, value), client.get(key)]);
        report.ok += 1;
        if (got === null) report.lost += 1;
        else if (got !== value) report.wrong_count += 1;
        if (report.ok === RUNNING_AFTER) console.log('running');
      } catch (error) {
        report.said[error.message] = (report.said[error.message] ?? 0) + 1;
        report.kinds[error.name] = (report.kinds[error.name] ?? 0) + 1;
      }
    }
  };
  await Promise.all(Array.from({ length: 16 }, (_, number) => strand(number)));
  return report;
}

// What a get is rejected with where nothing can be served.
async function refused() {
  try {
    return { kind: 'no error', message: String(await connect().get('x')) };
  } catch (error) {
    return { kind: error.name, message: error.message };
  }
}

async function main() {
  if (args.outage || args.refused) {
    console.log(JSON.stringify(await (args.outage ? outage() : refused())));
    process.exit(0);
  }
  const results = {};
  for (const [name, check] of Object.entries(checks)) {
    if (positionals.length > 0 && !positionals.includes(name)) continue;
    try {
      await check();
      results[name] = 'ok';
    } catch (error) {
      results[name] = String(error.stack).split('\n').slice(0, 4).join('\n');
    }
    open.splice(0).forEach((client) => client.disconnect());
  }
  console.log(JSON.stringify(results));
  // Time limits that nobody waits for must not keep the process.
  process.exit(0);
}

main();
