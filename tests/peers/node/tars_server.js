// A server of TARS's Node library: requests of one connection run at once, and answers come as they
// are ready. Prints `listening PORT` and serves until it is ended.
'use strict';

const { parseArgs } = require('node:util');
const { server: TarsServer, error: codes } = require('@tars/rpc');
const wire = require('./tars_wire.js');

const { values: args } = parseArgs({
  options: {
    name: { type: 'string' },
    port: { type: 'string', default: '0' },
  },
});

// What the application refuses with.
const REFUSED = 77;

const notes = new Map();
let pings = 0;
const said = (token) => `${args.name}|${token}`;

function Servant() {}

Servant.prototype.initialize = function initialize() {};

Servant.prototype.onDispatch = function onDispatch(current, name, buffer) {
  const version = current.getRequestVersion();
  const answer = (text) => current.doResponse(wire.packText(version, text));
  if (name === 'tars_ping') {
    pings += 1;
    answer('');
    return codes.SUCCESS;
  }
  const { token, ms } = wire.unpack(version, buffer);
  switch (name) {
    case 'echo': answer(said(token)); break;
    case 'pause': setTimeout(answer, ms, said(token)); break;
    case 'tenant': answer(`${said(current.getContext().get('tenant'))}`); break;
    case 'refuse': current.sendErrorResponse(REFUSED, said(token)); break;
    case 'note': notes.set(token, (notes.get(token) ?? 0) + 1); break;
    case 'noted': answer(`${notes.get(token) ?? 0}`); break;
    case 'pinged': answer(`${pings}`); break;
    default: return codes.SERVER.FUNC_NOT_FOUND;
  }
  return codes.SUCCESS;
};

const server = TarsServer.createServer(Servant);
server.start({
  endpoint: `tcp -h 127.0.0.1 -p ${args.port} -t 60000`,
  servant: wire.SERVANT,
  protocol: 'tars',
});
// The library tells nobody where it listens.
const [{ _netthread: { _listener: listener } }] = server._server._adapters;
listener.on('listening', () => console.log('listening', listener.address().port));
