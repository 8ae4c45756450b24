//! Real clients and servers: Apache Thrift's Python and Node libraries, thriftpy2, redis-server,
//! redis-cli, redis-benchmark, redis-py and ioredis, dubbo-py, dubbo2.js, and sofa-rpc-node for Dubbo
//! and SOFABolt, TARS's Node library, memcached with python-binary-memcached,
//! pylibmc and memjs, mosquitto with paho-mqtt, MQTT.js and mosquitto's own clients, first with each
//! other, then with Weft in the middle.
//!
//! None of them knows of Weft. Every request but those to Redis, memcached and mosquitto carries a token of its own, and its answer
//! repeats it with the server's name, so a wrong or misplaced answer cannot pass. Where a peer is
//! not installed a test says so and passes; where the environment variable `CI` is set it fails.
//!
//! The Thrift code is generated from `thrift/peers.thrift` by the real compiler when the tests
//! run; nothing generated is kept in the repository.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test ends at the first thing that is wrong, and says what it skips"
)]

mod install;

mod child;

mod scripts;

mod weft;

mod direct;

mod thrift;

mod failures;

mod redis;

mod dubbo;

mod bolt;

mod tars;

mod memcached;

mod mqtt;

mod shared;
