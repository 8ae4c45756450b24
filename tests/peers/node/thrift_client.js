// A client of Apache's Node library: many requests in flight on each connection, ids 1, 2, 3 …,
// answers matched by id in any order. Prints `running` once it is well under way, and then one
// line of JSON.
'use strict';

const { parseArgs } = require('node:util');
const thrift = require('thrift');
const Later = require('Later');
const { Refused } = require('peers_types');

const { values: args } = parseArgs({
  options: {
    port: { type: 'string' },
    run: { type: 'string', default: 'a' },
    count: { type: 'string', default: '0' },
    seconds: { type: 'string', default: '0' },
    connections: { type: 'string', default: '1' },
    'in-flight': { type: 'string', default: '32' },
    big: { type: 'string', default: '0' },
    protocol: { type: 'string', default: 'binary' },
    mux: { type: 'boolean', default: false },
    steps: { type: 'string', default: 'echo,pause,add,refuse,note' },
    'pause-ms': { type: 'string', default: '0' },
  },
});

// Answers after which it says that it is running.
const RUNNING_AFTER = 200;

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

function failed(error) {
  report.error_count += 1;
  const kind = error instanceof thrift.Thrift.TApplicationException
    ? 'TApplicationException'
    : error.constructor.name;
  const said = { kind, message: error.message, type: error.type };
  report.errors = [...report.errors, said].slice(0, 10);
}

function answered(answer, token) {
  const bar = answer.indexOf('|');
  const server = answer.slice(0, bar);
  if (answer.slice(bar + 1) !== token) {
    wrong(`asked ${token.slice(0, 40)}, got ${answer.slice(0, 40)}`);
    return;
  }
  report.ok += 1;
  report.servers[server] = (report.servers[server] ?? 0) + 1;
  if (report.ok === RUNNING_AFTER) console.log('running');
}

function expect(what, right) {
  if (right) {
    report.ok += 1;
  } else {
    wrong(what);
  }
}

const kinds = args.steps.split(',');
const steps = {
  echo: async (client, token) => answered(await client.echo(token), token),

  // Falling pauses unless one is asked for: answers come back in another order than the requests
  // went.
  pause: async (client, token, step) => {
    const ms = Number(args['pause-ms']) || 20 - (step % 20);
    answered(await client.pause(token, ms), token);
  },

  add: async (client, token, step) => expect('a sum', (await client.add(step, 40)) === step + 40),

  refuse: async (client, token) => {
    try {
      await client.refuse(token);
      wrong('no exception');
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      answered(error.why, token);
    }
  },

  // The library wants a callback for a one-way call and never calls it.
  note: async (client, token) => {
    client.note(token, () => {});
    report.notes.push(token);
  },

  crash: async (client, token) => {
    await client.crash(token);
    wrong('no exception');
  },

  missing: async (client, token) => {
    await client.missing(token);
    wrong('no exception');
  },
};

function connect() {
  const options = {
    transport: thrift.TFramedTransport,
    protocol: args.protocol === 'compact' ? thrift.TCompactProtocol : thrift.TBinaryProtocol,
  };
  const connection = thrift.createConnection('127.0.0.1', Number(args.port), options);
  const client = args.mux
    ? new thrift.Multiplexer().createClient('Peers', Later, connection)
    : thrift.createClient(Later, connection);
  const broken = new Promise((_, reject) => {
    connection.on('error', reject);
    connection.on('close', () => reject(new Error('the connection was closed')));
  });
  broken.catch(() => {});
  return { connection, client, broken };
}

async function one(number) {
  const { connection, client, broken } = connect();
  const until = Date.now() + Number(args.seconds) * 1000;
  let step = 0;
  const more = () => step < Number(args.count) || Date.now() < until;
  const strand = async () => {
    while (more()) {
      const mine = step;
      step += 1;
      const token = `js-${args.run}-${number}-${mine}`;
      try {
        const ask = steps[kinds[mine % kinds.length]];
        await Promise.race([ask(client, token, mine), broken]);
      } catch (error) {
        failed(error);
        if (!(error instanceof thrift.Thrift.TApplicationException)) {
          return;
        }
      }
    }
  };
  await Promise.all(Array.from({ length: Number(args['in-flight']) }, strand));
  connection.end();
}

async function main() {
  if (Number(args.big) > 0) {
    const { connection, client, broken } = connect();
    const token = 'b'.repeat(Number(args.big));
    try {
      answered(await Promise.race([client.echo(token), broken]), token);
    } catch (error) {
      failed(error);
    }
    connection.end();
  }
  await Promise.all(Array.from({ length: Number(args.connections) }, (_, n) => one(n)));
  console.log(JSON.stringify(report));
  // Pending one-way callbacks must not keep the process.
  process.exit(0);
}

main();
