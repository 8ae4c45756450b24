// A client of TARS's Node library: many requests in flight on each connection, ids 2, 3, 4 … on
// every one of them, answers matched by id in any order. Prints `running` once it is well under
// way, and then one line of JSON.
'use strict';

const { parseArgs } = require('node:util');
const { Communicator } = require('@tars/rpc');
const wire = require('./tars_wire.js');

const { values: args } = parseArgs({
  options: {
    port: { type: 'string' },
    run: { type: 'string', default: 'a' },
    count: { type: 'string', default: '0' },
    seconds: { type: 'string', default: '0' },
    connections: { type: 'string', default: '1' },
    'in-flight': { type: 'string', default: '32' },
    big: { type: 'string', default: '0' },
    'protocol-version': { type: 'string', default: '1' },
    steps: { type: 'string', default: 'echo,pause,tenant,refuse,note,ping' },
    'pause-ms': { type: 'string', default: '0' },
    noted: { type: 'string' },
    pinged: { type: 'boolean', default: false },
  },
});

// Answers after which it says that it is running.
const RUNNING_AFTER = 200;
const REFUSED = 77;
const PATIENCE_MS = 20000;
const version = Number(args['protocol-version']);

const report = {
  ok: 0,
  wrong: [],
  wrong_count: 0,
  errors: [],
  error_count: 0,
  servers: {},
  notes: [],
};

function wrong(what) {
  report.wrong_count += 1;
  report.wrong = [...report.wrong, what].slice(0, 10);
}

// What the library rejects with, in words: it has none of its own for TUP, but the answer is there.
function told(rejected) {
  const { code, message } = rejected.error;
  const words = message || rejected.response?.status?.get('STATUS_RESULT_DESC') || '';
  return { kind: rejected.constructor.name, code, message: words };
}

function failed(rejected) {
  report.error_count += 1;
  const said = rejected.error ? told(rejected) : { kind: 'other', message: String(rejected) };
  report.errors = [...report.errors, said].slice(0, 10);
}

function right() {
  report.ok += 1;
  if (report.ok === RUNNING_AFTER) console.log('running');
}

function answered(answer, token) {
  const bar = answer.indexOf('|');
  const server = answer.slice(0, bar);
  if (answer.slice(bar + 1) !== token) {
    wrong(`asked ${token.slice(0, 40)}, got ${answer.slice(0, 40)}`);
    return;
  }
  report.servers[server] = (report.servers[server] ?? 0) + 1;
  right();
}

// A proxy to the servant on a connection of its own, as the generator would write it.
function connect() {
  const communicator = Communicator.New();
  function Proxy() {}
  const endpoint = `tcp -h 127.0.0.1 -p ${args.port} -t 60000`;
  const proxy = communicator.stringToProxy(Proxy, `${wire.SERVANT}@${endpoint}`);
  const worker = proxy._worker;
  worker.timeout = PATIENCE_MS;
  worker.version = version;
  // It must not judge that its one server is gone: that is what is measured.
  worker.setCheckTimeoutInfo({ frequenceFailInvoke: 1e9, minTimeoutInvoke: 1e9 });
  const call = async (name, token, { ms = 0, ...property } = {}) => {
    const packed = wire.pack(version, token, ms);
    const { response } = version === 1
      ? await worker.tars_invoke(name, packed, property)
      : await worker.tup_invoke(name, packed, property);
    return response;
  };
  const ask = async (...rest) => wire.unpackText(version, await call(...rest));
  return { communicator, call, ask };
}

const kinds = args.steps.split(',');
const steps = {
  echo: async ({ ask }, token) => answered(await ask('echo', token), token),

  // Falling pauses unless one is asked for: answers come back in another order than the requests
  // went.
  pause: async ({ ask }, token, step) => {
    const ms = Number(args['pause-ms']) || 20 - (step % 20);
    answered(await ask('pause', token, { ms }), token);
  },

  tenant: async ({ ask }, token) => {
    answered(await ask('tenant', token, { context: { tenant: token } }), token);
  },

  refuse: async ({ call }, token) => {
    try {
      await call('refuse', token);
      wrong('no error');
    } catch (rejected) {
      if (rejected.error?.code !== REFUSED) throw rejected;
      answered(told(rejected).message, token);
    }
  },

  // The library rejects a one-way call as soon as it is sent.
  note: async ({ call }, token) => {
    try {
      await call('note', token, { packetType: 1 });
      wrong('a one-way call was answered');
    } catch (rejected) {
      if (!/do not need response/.test(rejected.error?.message)) throw rejected;
      report.notes.push(token);
    }
  },

  ping: async ({ call }) => {
    await call('tars_ping', '');
    right();
  },

  missing: async ({ call }, token) => {
    await call('missing', token);
    wrong('no error');
  },
};

async function one(number) {
  const peer = connect();
  const until = Date.now() + Number(args.seconds) * 1000;
  let step = 0;
  const more = () => step < Number(args.count) || Date.now() < until;
  const strand = async () => {
    while (more()) {
      const mine = step;
      step += 1;
      const token = `js-${args.run}-${number}-${mine}`;
      try {
        await steps[kinds[mine % kinds.length]](peer, token, mine);
      } catch (rejected) {
        failed(rejected);
        if (!rejected.error) return;
      }
    }
  };
  await Promise.all(Array.from({ length: Number(args['in-flight']) }, strand));
  peer.communicator.destroy();
}

async function main() {
  if (args.noted || args.pinged) {
    const { ask } = connect();
    const answers = args.pinged
      ? [await ask('pinged', '')]
      : await Promise.all(args.noted.split(',').map((token) => ask('noted', token)));
    console.log(JSON.stringify(answers.map(Number)));
    process.exit(0);
  }
  if (Number(args.big) > 0) {
    const { ask } = connect();
    const token = 'b'.repeat(Number(args.big));
    try {
      answered(await ask('echo', token), token);
    } catch (rejected) {
      failed(rejected);
    }
  }
  await Promise.all(Array.from({ length: Number(args.connections) }, (_, n) => one(n)));
  console.log(JSON.stringify(report));
  process.exit(0);
}

main();
