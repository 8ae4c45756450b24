// A Dubbo server of sofa-rpc-node with dubbo-remoting: requests of one connection run at once, and
// answers come as they are ready, also those to one-way calls. Prints `listening PORT` and serves
// until it is ended.
'use strict';

const protocol = require('dubbo-remoting');
const { serve } = require('./sofa_server');

serve({ protocol, version: '1.0.0' });
