// memjs against a memcached, or against something that must look like one: requests of one
// connection are pipelined, opaques are 1, 2, 3 …. Runs its checks and prints one line of JSON:
// what each said, "ok" or what went wrong.
'use strict';

const { parseArgs } = require('node:util');
const memjs = require('memjs');

const { values: args } = parseArgs({
  options: {
    port: { type: 'string' },
    outage: { type: 'boolean', default: false },
    refused: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '2' },
    user: { type: 'string' },
    password: { type: 'string' },
  },
});

// After so many requests of an outage run it says `running`.
const RUNNING_AFTER = 200;

function connect() {
  return memjs.Client.create(`127.0.0.1:${args.port}`, {
    username: args.user,
    password: args.password,
    timeout: 10,
    // The library's own retries would hide what went wrong.
    retries: 0,
    failover: false,
    logger: { log: () => {} },
  });
}

function equal(got, expected) {
  const [left, right] = [JSON.stringify(got), JSON.stringify(expected)];
  if (left !== right) throw new Error(`got ${left}, expected ${right}`);
}

const text = async (answer) => {
  const { value } = await answer;
  return value === null ? null : value.toString();
};

const checks = {
  async values(client) {
    await client.set('js:one', 'a', { expires: 60 });
    equal(await text(client.get('js:one')), 'a');
    equal(await text(client.get('js:none')), null);
    equal(await client.add('js:one', 'b', {}), false);
    equal(await client.append('js:one', 'z'), true);
    equal(await text(client.get('js:one')), 'az');
    equal(await client.replace('js:one', 'c', {}), true);
    equal(await client.touch('js:one', 60), true);
    equal(await client.delete('js:one'), true);
    equal(await client.delete('js:one'), false);
  },

  // A get that is written right after a set of the same key must see it.
  async pipeline(client) {
    const answers = [];
    for (let round = 0; round < 40; round += 1) {
      for (let key = 0; key < 50; key += 1) {
        client.set(`js:pipe:${key}`, `${round}/${key}`, {});
        answers.push(text(client.get(`js:pipe:${key}`)));
      }
    }
    const got = await Promise.all(answers);
    got.forEach((value, at) => equal(value, `${Math.floor(at / 50)}/${at % 50}`));
  },

  async counters(client) {
    await client.delete('js:count');
    equal((await client.increment('js:count', 5, { initial: 10 })).value, 10);
    equal((await client.increment('js:count', 5, { initial: 10 })).value, 15);
    equal((await client.decrement('js:count', 1, { initial: 10 })).value, 14);
  },

  async large(client) {
    const value = '0123456789abcdef'.repeat(60000);
    await client.set('js:large', value, {});
    const got = await text(client.get('js:large'));
    if (got !== value) throw new Error('a large value is wrong');
  },

  // An answer in many frames.
  async statistics(client) {
    const stats = await new Promise((resolve, reject) => {
      client.stats((error, server, found) => (error ? reject(error) : resolve(found)));
    });
    const found = Object.keys(stats).length;
    if (found < 40) throw new Error(`only ${found} statistics`);
  },

  async many() {
    await Promise.all(Array.from({ length: 16 }, async (_, number) => {
      const client = connect();
      for (let step = 0; step < 60; step += 1) {
        const key = `js:many:${number}:${step % 7}`;
        await client.set(key, `${number}/${step}`, {});
        equal(await text(client.get(key)), `${number}/${step}`);
      }
      client.close();
    }));
  },
};

// Sets and gets for some seconds: what was answered, what failed, and in which words. A value
// that is gone counts as lost: it was set on a memcached that then died.
async function outage() {
  const report = { ok: 0, lost: 0, wrong: [], wrong_count: 0, said: {} };
  const client = connect();
  const until = Date.now() + Number(args.seconds) * 1000;
  let step = 0;
  const strand = async (number) => {
    while (Date.now() < until) {
      step += 1;
      const mine = step;
      if (mine === RUNNING_AFTER) console.log('running');
      const key = `js:outage:${number}:${mine % 97}`;
      try {
        await client.set(key, `${mine}`, {});
        const got = await text(client.get(key));
        if (got === null) {
          report.lost += 1;
        } else if (got !== `${mine}`) {
          report.wrong.push([key, got, mine]);
          report.wrong_count += 1;
        }
        report.ok += 1;
      } catch (error) {
        report.said[error.message] = (report.said[error.message] ?? 0) + 1;
      }
    }
  };
  await Promise.all(Array.from({ length: 8 }, (_, number) => strand(number)));
  client.close();
  return report;
}

// What a get, a set and a delete are rejected with where nothing can be served.
async function refused() {
  const client = connect();
  const told = {};
  // So it says that a login was refused.
  process.on('unhandledRejection', (reason) => {
    console.log(JSON.stringify({ ...told, login: String(reason) }));
    process.exit(0);
  });
  const asked = {
    get: () => client.get('js:refused'),
    set: () => client.set('js:refused', 'x', {}),
    delete: () => client.delete('js:refused'),
  };
  for (const [operation, ask] of Object.entries(asked)) {
    try {
      told[operation] = `no error: ${JSON.stringify(await ask())}`;
    } catch (error) {
      told[operation] = `${error.constructor.name}: ${error.message}`;
    }
  }
  client.close();
  return told;
}

async function main() {
  if (args.outage || args.refused) {
    console.log(JSON.stringify(args.outage ? await outage() : await refused()));
    process.exit(0);
  }
  const results = {};
  for (const [name, check] of Object.entries(checks)) {
    const client = connect();
    try {
      await check(client);
      results[name] = 'ok';
    } catch (error) {
      results[name] = error.stack;
    }
    client.close();
  }
  console.log(JSON.stringify(results));
  process.exit(0);
}

main();
