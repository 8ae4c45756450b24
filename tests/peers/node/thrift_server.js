// A Thrift server of Apache's Node library: requests of one connection run at once, and answers
// come as they are ready. Prints `listening PORT` and serves until it is ended.
'use strict';

const { parseArgs } = require('node:util');
const thrift = require('thrift');
const Peers = require('Peers');
const { Refused } = require('peers_types');

const { values: args } = parseArgs({
  options: {
    name: { type: 'string' },
    port: { type: 'string', default: '0' },
    protocol: { type: 'string', default: 'binary' },
    mux: { type: 'boolean', default: false },
  },
});

const notes = new Map();
const said = (token) => `${args.name}|${token}`;
const handler = {
  echo: (token, done) => done(null, said(token)),
  pause: (token, ms, done) => setTimeout(() => done(null, said(token)), ms),
  refuse: (token, done) => done(new Refused({ why: said(token) })),
  crash: (token, done) => done(new Error(said(token))),
  add: (left, right, done) => done(null, left + right),
  note: (token) => {
    notes.set(token, (notes.get(token) ?? 0) + 1);
  },
  noted: (token, done) => done(null, notes.get(token) ?? 0),
};

const options = {
  transport: thrift.TFramedTransport,
  protocol: args.protocol === 'compact' ? thrift.TCompactProtocol : thrift.TBinaryProtocol,
};
let server;
if (args.mux) {
  const processor = new thrift.MultiplexedProcessor();
  processor.registerProcessor('Peers', new Peers.Processor(handler));
  server = thrift.createMultiplexServer(processor, options);
} else {
  server = thrift.createServer(Peers, handler, options);
}
server.on('error', (error) => {
  console.error(error);
  process.exit(1);
});
server.listen(Number(args.port), '127.0.0.1', () => {
  console.log('listening', server.address().port);
});
