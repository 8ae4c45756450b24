// What the Dubbo and Bolt clients share: steps, tokens, and the report. A client gives `connect`,
// which makes `{ ask(method, token, ms), note(token), heartbeat(), close() }`; `ask` resolves to a
// text or throws the library's own error.
'use strict';

const { parseArgs } = require('node:util');

// Answers after which it says that it is running.
const RUNNING_AFTER = 200;

function parse(more = {}) {
  const { values } = parseArgs({
    options: {
      port: { type: 'string' },
      run: { type: 'string', default: 'a' },
      count: { type: 'string', default: '0' },
      seconds: { type: 'string', default: '0' },
      connections: { type: 'string', default: '1' },
      'in-flight': { type: 'string', default: '32' },
      big: { type: 'string', default: '0' },
      steps: { type: 'string', default: 'echo,pause,heartbeat,refuse' },
      'pause-ms': { type: 'string', default: '0' },
      'timeout-ms': { type: 'string', default: '20000' },
      noted: { type: 'string' },
      ...more,
    },
  });
  return values;
}

const report = {
  ok: 0,
  wrong: [],
  wrong_count: 0,
  errors: [],
  error_count: 0,
  servers: {},
  notes: [],
  heartbeats: 0,
};

function failed(error) {
  report.error_count += 1;
  const said = { kind: error.constructor.name, name: error.name, message: error.message };
  report.errors = [...report.errors, said].slice(0, 10);
}

function answered(answer, token) {
  const [, server, said] = /^(\w+)\|(.*)$/s.exec(answer) ?? [];
  if (said !== token) {
    report.wrong_count += 1;
    const what = `asked ${token.slice(0, 40)}, got ${String(answer).slice(0, 60)}`;
    report.wrong = [...report.wrong, what].slice(0, 10);
    return;
  }
  report.ok += 1;
  report.servers[server] = (report.servers[server] ?? 0) + 1;
  if (report.ok === RUNNING_AFTER) console.log('running');
}

async function step(args, peer, kind, token, number) {
  if (kind === 'note') {
    await peer.note(token);
    report.notes.push(token);
  } else if (kind === 'heartbeat') {
    await peer.heartbeat();
    report.heartbeats += 1;
  } else if (kind === 'refuse') {
    try {
      answered(`no exception but ${await peer.ask('refuse', token)}`, token);
    } catch (error) {
      // The server's words stand somewhere in the library's; ours do not come from a server.
      const words = /\w+\|.*/.exec(error.message);
      if (!words || error.message.includes('weft: ')) throw error;
      answered(words[0], token);
    }
  } else {
    // Falling pauses unless one is asked for: answers come in another order than requests went.
    const ms = Number(args['pause-ms']) || 20 - (number % 20);
    answered(await peer.ask(kind, token, ms), token);
  }
}

async function one(args, connect, number) {
  const peer = await connect();
  const kinds = args.steps.split(',');
  const until = Date.now() + Number(args.seconds) * 1000;
  let next = 0;
  const strand = async () => {
    while (next < Number(args.count) || Date.now() < until) {
      const mine = next;
      next += 1;
      try {
        const token = `js-${args.run}-${number}-${mine}`;
        await step(args, peer, kinds[mine % kinds.length], token, mine);
      } catch (error) {
        failed(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Number(args['in-flight']) }, strand));
}

async function run(args, connect) {
  if (args.noted) {
    const peer = await connect();
    const counts = [];
    for (const token of args.noted.split(',')) {
      counts.push(Number(await peer.ask('noted', token)));
    }
    console.log(JSON.stringify(counts));
    process.exit(0);
  }
  if (Number(args.big) > 0) {
    const peer = await connect();
    const token = 'b'.repeat(Number(args.big));
    try {
      answered(await peer.ask('echo', token), token);
    } catch (error) {
      failed(error);
    }
  }
  const connections = Array.from({ length: Number(args.connections) }, (_, n) => one(args, connect, n));
  await Promise.all(connections);
  console.log(JSON.stringify(report));
  // Timers of the libraries must not keep the process.
  process.exit(0);
}

module.exports = { parse, run };
