//! Thrift's and Redis's real clients on one port, each in front of servers of its own.

use crate::child::Running;
use crate::install::{Tool, all_there};
use crate::scripts::{
    Language, NODE_CHECKS, PYTHON_CHECKS, assert_all_ok, assert_all_right, redis_server, report,
    script, thrift_client, thrift_server,
};
use crate::weft::Weft;

const NEEDED: &[Tool] = &[
    Tool::Python,
    Tool::Node,
    Tool::ThriftCompiler,
    Tool::RedisServer,
];

#[test]
fn thrift_and_redis_clients_share_a_port() {
    if !all_there(NEEDED) {
        return;
    }
    let (thrift, redis) = (thrift_server(Language::Python, "one", ""), redis_server());
    let weft = Weft::with_config(&format!(
        "(
            workers: 2,
            listeners: [(
                name: \"front\", addresses: [\"127.0.0.1:0\"],
                protocols: [\"thrift\", \"redis\"], services: [\"calls\", \"keys\"],
            )],
            services: [
                (name: \"calls\", protocol: \"thrift\", instances: [\"127.0.0.1:{}\"]),
                (name: \"keys\", protocol: \"redis\", instances: [\"127.0.0.1:{}\"]),
            ],
        )",
        thrift.port, redis.port
    ));
    let calls = [
        thrift_client(Language::Python, weft.port, "--count 40 --connections 4"),
        thrift_client(Language::Node, weft.port, "--count 200 --in-flight 16"),
    ];
    for (language, checks) in [
        (Language::Python, PYTHON_CHECKS),
        (Language::Node, NODE_CHECKS),
    ] {
        let args = format!("--port {}", weft.port);
        let keys = Running::start(script(language, "redis_client", &args));
        assert_all_ok(&report(keys), checks);
    }
    for (client, ok) in calls.into_iter().zip([160, 160]) {
        assert_all_right(&report(client), ok);
    }
    weft.assert_books_balance();
}
