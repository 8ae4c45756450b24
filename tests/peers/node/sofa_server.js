// What the Dubbo and the Bolt server share: sofa-rpc-node's server with one service.
'use strict';

const { parseArgs } = require('node:util');
const { server: { RpcServer } } = require('sofa-rpc-node');

const { values: args } = parseArgs({
  options: {
    name: { type: 'string' },
    port: { type: 'string', default: '0' },
  },
});

const quiet = { info() {}, warn() {}, error() {}, debug() {} };
const notes = new Map();
const said = (token) => `${args.name}|${token}`;

// The service; `wrap` makes an answer of a value, and `open` the token and the milliseconds of a
// request.
function peers(open, wrap) {
  return {
    async echo(...asked) {
      return wrap(said(open(...asked).token));
    },
    async pause(...asked) {
      const { token, ms } = open(...asked);
      await new Promise((resolve) => setTimeout(resolve, ms));
      return wrap(said(token));
    },
    async refuse(...asked) {
      throw new Error(said(open(...asked).token));
    },
    async note(...asked) {
      const { token } = open(...asked);
      notes.set(token, (notes.get(token) ?? 0) + 1);
      return wrap(null);
    },
    async noted(...asked) {
      return wrap(String(notes.get(open(...asked).token) ?? 0));
    },
  };
}

async function serve(options) {
  const server = new RpcServer({ logger: quiet, port: Number(args.port), ...options });
  const plain = peers((token, ms) => ({ token, ms }), (value) => value);
  const message = peers((asked) => asked, (value) => ({ said: value }));
  server.addService({ interfaceName: 'com.weft.Peers', version: options.version }, plain);
  server.addService({ interfaceName: 'com.weft.PeersPb', version: options.version }, message);
  // What a method throws is told to its caller, and to nobody else.
  server.on('error', () => {});
  await server.start();
  console.log('listening', server.publishPort);
}

module.exports = { serve };
