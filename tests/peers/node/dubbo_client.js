// Dubbo clients of Node: dubbo2.js, or sofa-rpc-node with dubbo-remoting. Both have many requests in
// flight on a connection and match answers by id. Prints `running` once it is well under way, and
// then one line of JSON.
'use strict';

const { parse, run } = require('./peers_client');

const args = parse({ lib: { type: 'string', default: 'dubbo2.js' } });
const timeout = Number(args['timeout-ms']);

function dubbo2() {
  const { DirectlyDubbo, java } = require('dubbo2.js');
  const heartbeat = require('dubbo2.js/es7/heartbeat').default;
  const dubbo = DirectlyDubbo.from({
    dubboAddress: `127.0.0.1:${args.port}`,
    dubboVersion: '2.0.2',
    dubboInvokeTimeout: timeout / 1000,
  });
  // The library looks at what follows an event in one read only when more bytes come, so that an
  // answer can stay behind a heartbeat's. Its own heartbeats go every three minutes; here they go
  // often, each of which brings what the one before it kept.
  const send = () => dubbo._socketWorker._socket.write(heartbeat.encode());
  setInterval(send, 100);
  const text = (token) => [java.String(token)];
  const service = dubbo.proxyService({
    dubboInterface: 'com.weft.Peers',
    version: '1.0.0',
    timeout,
    methods: {
      echo: text,
      refuse: text,
      missing: text,
      noted: text,
      pause: (token, ms) => [java.String(token), java.int(ms)],
    },
  });
  return {
    async ask(method, token, ms) {
      const { err, res } = await service[method](token, ms);
      if (err) throw err;
      return res;
    },
    // The library waits for no answer.
    heartbeat: send,
  };
}

async function sofa() {
  const protocol = require('dubbo-remoting');
  const { client: { RpcClient } } = require('sofa-rpc-node');
  const config = require('sofa-rpc-node/lib/client/dynamic_config');
  // Errors are what some tests are about: the client must not stop asking.
  config.instance.circuitBreaker.forceClosed = true;
  const logger = { info() {}, warn() {}, error() {}, debug() {} };
  const client = new RpcClient({ logger, protocol });
  const consumer = client.createConsumer({
    interfaceName: 'com.weft.Peers',
    version: '1.0.0',
    serverHost: `127.0.0.1:${args.port}`,
    responseTimeout: timeout,
    cache: false,
  });
  await consumer.ready();
  const connection = await consumer.getConnection({ meta: {} });
  let heartbeats = 0;
  return {
    ask: (method, token, ms) => consumer.invoke(method, method === 'pause' ? [token, ms] : [token]),
    heartbeat() {
      // With ids of its own, which requests have too.
      heartbeats += 1;
      connection._encoder.writeHeartbeat(heartbeats, { timeout });
    },
  };
}

run(args, args.lib === 'sofa' ? sofa : dubbo2);
