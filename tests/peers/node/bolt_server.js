// A SOFABolt server of sofa-rpc-node: requests of one connection run at once, and answers come as
// they are ready, also those to one-way calls. Prints `listening PORT` and serves until it is
// ended.
'use strict';

const path = require('node:path');
const protobuf = require('antpb');
const { serve } = require('./sofa_server');

serve({ version: '1.0', proto: protobuf.loadAll(path.join(__dirname, 'bolt_proto')) });
