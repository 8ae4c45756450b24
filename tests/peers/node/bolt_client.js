// A SOFABolt client of sofa-bolt-node: versions 1 and 2, with checksums or without, hessian or
// protobuf; many requests in flight on a connection, answers matched by id, heartbeats too. Prints
// `running` once it is well under way, and then one line of JSON.
'use strict';

const path = require('node:path');
const protobuf = require('antpb');
const bolt = require('sofa-bolt-node');
const { parse, run } = require('./peers_client');

const args = parse({
  bolt: { type: 'string', default: '1' },
  crc: { type: 'boolean', default: false },
  codec: { type: 'string', default: 'hessian2' },
});
const timeout = Number(args['timeout-ms']);
const inProtobuf = args.codec === 'protobuf';
bolt.setOptions({ proto: protobuf.loadAll(path.join(__dirname, 'bolt_proto')) });

async function connect() {
  const logger = { info() {}, warn() {}, error() {}, debug() {} };
  const address = new URL(`bolt://127.0.0.1:${args.port}`);
  const client = new bolt.RpcClient({ address, logger });
  await client.ready();
  const encoder = client.conn._encoder;
  encoder.codecType = args.codec;
  if (args.bolt === '2') {
    encoder.protocolType = 'bolt2';
    encoder.boltVersion = args.crc ? 2 : 1;
    encoder.crcEnable = args.crc;
  }
  const service = inProtobuf ? 'com.weft.PeersPb:1.0' : 'com.weft.Peers:1.0';
  const request = (methodName, token, ms) => ({
    serverSignature: service,
    methodName,
    args: inProtobuf ? [{ token, ms }] : [token, ...(methodName === 'pause' ? [ms] : [])],
    targetAppName: 'peers',
    requestProps: { service, tenant: 'blue' },
    timeout,
  });
  return {
    async ask(method, token, ms) {
      const { data } = await client.invoke(request(method, token, ms));
      if (data.error) throw data.error;
      return inProtobuf ? data.appResponse.said : data.appResponse;
    },
    note: (token) => client.oneway(request('note', token)),
    heartbeat: () => client.conn.writeHeartbeat({ timeout }),
  };
}

run(args, connect);
