// What the TARS peers share: how their servant's functions are packed in version 1 and in TUP, as
// the library's own generator of code would have it.
'use strict';

const stream = require('@tars/stream');

const SERVANT = 'Peers.EchoServer.EchoObj';

// The text argument `token`, and `ms`, in either packing.
function pack(version, token, ms) {
  if (version === 1) {
    const out = new stream.TarsOutputStream();
    out.writeString(1, token);
    out.writeInt32(2, ms);
    return out.getBinBuffer();
  }
  const attributes = new stream.UniAttribute();
  attributes.tupVersion = version;
  attributes.writeString('token', token);
  attributes.writeInt32('ms', ms);
  return attributes;
}

function unpack(version, buffer) {
  if (version === 1) {
    const input = new stream.TarsInputStream(buffer);
    return { token: input.readString(1, true, ''), ms: input.readInt32(2, true, 0) };
  }
  const attributes = new stream.UniAttribute();
  attributes.tupVersion = version;
  attributes.decode(buffer);
  return { token: attributes.readString('token'), ms: attributes.readInt32('ms') };
}

function packText(version, text) {
  if (version === 1) {
    const out = new stream.TarsOutputStream();
    out.writeString(0, text);
    return out.getBinBuffer();
  }
  const attributes = new stream.UniAttribute();
  attributes.tupVersion = version;
  attributes.writeString('', text);
  return attributes.encode();
}

function unpackText(version, response) {
  if (version === 1) {
    return new stream.TarsInputStream(response.sBuffer).readString(0, true, '');
  }
  return response.tup.readString('');
}

module.exports = { SERVANT, pack, packText, unpack, unpackText };
