//! The commands of Redis: where their keys stand, and what they do to a connection.
//!
//! Data only; [`crate::command`] looks names up in it. Taken from the answer of `COMMAND` of
//! Redis 7.0.15 and, for later commands, from their pages of the Redis documentation; see
//! `protocols/resp/spec.md` for the sources and for the reasons of every special role.

use crate::command::{Facet, Group, Keys, Role};
use crate::local::Local;

const NO_KEYS: Keys = Keys::None;
const ONE: Keys = Keys::range(1, 1, 1);
const TWO: Keys = Keys::range(1, 2, 1);
const ALL: Keys = Keys::range(1, -1, 1);
const SECOND: Keys = Keys::range(2, 2, 1);

/// Every known command, by what it has in common with others.
pub(crate) const GROUPS: &[Group] = &[
    group(ONE, Role::Stateless, STRINGS),
    group(ONE, Role::Stateless, COLLECTIONS),
    group(ONE, Role::Stateless, SORTED_SETS_AND_MORE),
    group(ONE, Role::Stateless, MODULES),
    // The channel stands for the key, so that publishers and subscribers of one channel meet
    // on one instance.
    group(ONE, Role::Stateless, &["PUBLISH", "SPUBLISH"]),
    group(
        TWO,
        Role::Stateless,
        &[
            "COPY",
            "GEOSEARCHSTORE",
            "LCS",
            "LMOVE",
            "RENAME",
            "RENAMENX",
            "RPOPLPUSH",
            "SMOVE",
            "ZRANGESTORE",
        ],
    ),
    group(
        ALL,
        Role::Stateless,
        &[
            "DEL",
            "EXISTS",
            "MGET",
            "PFCOUNT",
            "PFMERGE",
            "SDIFF",
            "SDIFFSTORE",
            "SINTER",
            "SINTERSTORE",
            "SUNION",
            "SUNIONSTORE",
            "TOUCH",
            "UNLINK",
        ],
    ),
    group(Keys::range(1, -1, 2), Role::Stateless, &["MSET", "MSETNX"]),
    group(Keys::range(1, -2, 1), Role::Stateless, &["JSON.MGET"]),
    group(Keys::range(2, -1, 1), Role::Stateless, &["BITOP"]),
    group(
        SECOND,
        Role::Stateless,
        &["MEMORY", "OBJECT", "PFDEBUG", "XGROUP", "XINFO"],
    ),
    group(
        Keys::counted(2),
        Role::Stateless,
        &[
            "EVAL",
            "EVALSHA",
            "EVALSHA_RO",
            "EVAL_RO",
            "FCALL",
            "FCALL_RO",
        ],
    ),
    group(
        Keys::counted(1),
        Role::Stateless,
        &[
            "LMPOP",
            "SINTERCARD",
            "ZDIFF",
            "ZINTER",
            "ZINTERCARD",
            "ZMPOP",
            "ZUNION",
        ],
    ),
    group(
        Keys::StoreAndCounted,
        Role::Stateless,
        &["ZDIFFSTORE", "ZINTERSTORE", "ZUNIONSTORE"],
    ),
    group(Keys::Sort, Role::Stateless, &["SORT", "SORT_RO"]),
    group(
        Keys::GeoRadius,
        Role::Stateless,
        &["GEORADIUS", "GEORADIUSBYMEMBER"],
    ),
    group(Keys::Migrate, Role::Stateless, &["MIGRATE"]),
    group(Keys::Streams, Role::MayBlock, &["XREAD", "XREADGROUP"]),
    group(NO_KEYS, Role::Stateless, KEYLESS),
    group(
        Keys::range(1, -2, 1),
        Role::Blocking,
        &["BLPOP", "BRPOP", "BZPOPMAX", "BZPOPMIN"],
    ),
    group(TWO, Role::Blocking, &["BLMOVE", "BRPOPLPUSH"]),
    group(Keys::counted(2), Role::Blocking, &["BLMPOP", "BZMPOP"]),
    group(NO_KEYS, Role::Hello, &["HELLO"]),
    group(NO_KEYS, Role::Facet(Facet::Auth), &["AUTH"]),
    group(NO_KEYS, Role::Facet(Facet::Select), &["SELECT"]),
    group(
        NO_KEYS,
        Role::Facet(Facet::ReadMode),
        &["READONLY", "READWRITE"],
    ),
    group(NO_KEYS, Role::Client, &["CLIENT"]),
    group(NO_KEYS, Role::Script, &["SCRIPT"]),
    group(NO_KEYS, Role::Quit, &["QUIT"]),
    group(NO_KEYS, Role::Reset, &["RESET"]),
    group(NO_KEYS, Role::Pin, &["ASKING", "MULTI"]),
    group(ALL, Role::Pin, &["WATCH"]),
    group(NO_KEYS, Role::Unpin, &["DISCARD", "EXEC"]),
    group(
        ALL,
        Role::Tunnel,
        &["SSUBSCRIBE", "SUBSCRIBE", "SUNSUBSCRIBE", "UNSUBSCRIBE"],
    ),
    group(
        NO_KEYS,
        Role::Tunnel,
        &["MONITOR", "PSUBSCRIBE", "PUNSUBSCRIBE"],
    ),
    group(
        NO_KEYS,
        Role::Local(Local::NoReplication),
        &["PSYNC", "REPLCONF", "SYNC"],
    ),
    group(NO_KEYS, Role::Local(Local::NoWait), &["WAIT", "WAITAOF"]),
];

const fn group(keys: Keys, role: Role, names: &'static [&'static str]) -> Group {
    Group { keys, role, names }
}

/// Strings, bitmaps, expiry and what all types share.
const STRINGS: &[&str] = &[
    "APPEND",
    "BITCOUNT",
    "BITFIELD",
    "BITFIELD_RO",
    "BITPOS",
    "DECR",
    "DECRBY",
    "DUMP",
    "EXPIRE",
    "EXPIREAT",
    "EXPIRETIME",
    "GET",
    "GETBIT",
    "GETDEL",
    "GETEX",
    "GETRANGE",
    "GETSET",
    "INCR",
    "INCRBY",
    "INCRBYFLOAT",
    "MOVE",
    "PERSIST",
    "PEXPIRE",
    "PEXPIREAT",
    "PEXPIRETIME",
    "PSETEX",
    "PTTL",
    "RESTORE",
    "RESTORE-ASKING",
    "SET",
    "SETBIT",
    "SETEX",
    "SETNX",
    "SETRANGE",
    "STRLEN",
    "SUBSTR",
    "TTL",
    "TYPE",
];

/// Hashes, lists and sets.
const COLLECTIONS: &[&str] = &[
    "HDEL",
    "HEXISTS",
    "HEXPIRE",
    "HEXPIREAT",
    "HEXPIRETIME",
    "HGET",
    "HGETALL",
    "HGETDEL",
    "HGETEX",
    "HINCRBY",
    "HINCRBYFLOAT",
    "HKEYS",
    "HLEN",
    "HMGET",
    "HMSET",
    "HPERSIST",
    "HPEXPIRE",
    "HPEXPIREAT",
    "HPEXPIRETIME",
    "HPTTL",
    "HRANDFIELD",
    "HSCAN",
    "HSET",
    "HSETEX",
    "HSETNX",
    "HSTRLEN",
    "HTTL",
    "HVALS",
    "LINDEX",
    "LINSERT",
    "LLEN",
    "LPOP",
    "LPOS",
    "LPUSH",
    "LPUSHX",
    "LRANGE",
    "LREM",
    "LSET",
    "LTRIM",
    "RPOP",
    "RPUSH",
    "RPUSHX",
    "SADD",
    "SCARD",
    "SISMEMBER",
    "SMEMBERS",
    "SMISMEMBER",
    "SPOP",
    "SRANDMEMBER",
    "SREM",
    "SSCAN",
];

/// Sorted sets, positions, streams, HyperLogLog and vector sets.
const SORTED_SETS_AND_MORE: &[&str] = &[
    "GEOADD",
    "GEODIST",
    "GEOHASH",
    "GEOPOS",
    "GEORADIUSBYMEMBER_RO",
    "GEORADIUS_RO",
    "GEOSEARCH",
    "PFADD",
    "VADD",
    "VCARD",
    "VDIM",
    "VEMB",
    "VGETATTR",
    "VINFO",
    "VLINKS",
    "VRANDMEMBER",
    "VREM",
    "VSETATTR",
    "VSIM",
    "XACK",
    "XADD",
    "XAUTOCLAIM",
    "XCLAIM",
    "XDEL",
    "XLEN",
    "XPENDING",
    "XRANGE",
    "XREVRANGE",
    "XSETID",
    "XTRIM",
    "ZADD",
    "ZCARD",
    "ZCOUNT",
    "ZINCRBY",
    "ZLEXCOUNT",
    "ZMSCORE",
    "ZPOPMAX",
    "ZPOPMIN",
    "ZRANDMEMBER",
    "ZRANGE",
    "ZRANGEBYLEX",
    "ZRANGEBYSCORE",
    "ZRANK",
    "ZREM",
    "ZREMRANGEBYLEX",
    "ZREMRANGEBYRANK",
    "ZREMRANGEBYSCORE",
    "ZREVRANGE",
    "ZREVRANGEBYLEX",
    "ZREVRANGEBYSCORE",
    "ZREVRANK",
    "ZSCAN",
    "ZSCORE",
];

/// Documents and Bloom filters: modules that became part of Redis 8.
const MODULES: &[&str] = &[
    "BF.ADD",
    "BF.CARD",
    "BF.EXISTS",
    "BF.INFO",
    "BF.INSERT",
    "BF.MADD",
    "BF.MEXISTS",
    "BF.RESERVE",
    "JSON.ARRAPPEND",
    "JSON.ARRINDEX",
    "JSON.ARRINSERT",
    "JSON.ARRLEN",
    "JSON.ARRPOP",
    "JSON.ARRTRIM",
    "JSON.CLEAR",
    "JSON.DEL",
    "JSON.FORGET",
    "JSON.GET",
    "JSON.MERGE",
    "JSON.NUMINCRBY",
    "JSON.NUMMULTBY",
    "JSON.OBJKEYS",
    "JSON.OBJLEN",
    "JSON.RESP",
    "JSON.SET",
    "JSON.STRAPPEND",
    "JSON.STRLEN",
    "JSON.TOGGLE",
    "JSON.TYPE",
];

/// Commands about a whole server, or about nothing.
const KEYLESS: &[&str] = &[
    "ACL",
    "BGREWRITEAOF",
    "BGSAVE",
    "CLUSTER",
    "COMMAND",
    "CONFIG",
    "DBSIZE",
    "DEBUG",
    "ECHO",
    "FAILOVER",
    "FLUSHALL",
    "FLUSHDB",
    "FUNCTION",
    "INFO",
    "KEYS",
    "LASTSAVE",
    "LATENCY",
    "LOLWUT",
    "MODULE",
    "PFSELFTEST",
    "PING",
    "PUBSUB",
    "RANDOMKEY",
    "REPLICAOF",
    "ROLE",
    "SAVE",
    "SCAN",
    "SHUTDOWN",
    "SLAVEOF",
    "SLOWLOG",
    "SWAPDB",
    "TIME",
    "UNWATCH",
];

#[cfg(test)]
mod tests {
    use crate::command::{self, Keys, UNKNOWN};

    const SERVERS_OWN: &str = include_str!("../../../protocols/resp/commands-7.0.15.txt");

    /// Commands whose channel or subcommand's key we count as a key, though `COMMAND` does not.
    const OURS: [&str; 7] = [
        "MEMORY",
        "OBJECT",
        "PUBLISH",
        "SUBSCRIBE",
        "UNSUBSCRIBE",
        "XGROUP",
        "XINFO",
    ];

    #[test]
    fn keys_stand_where_the_server_says() {
        let mut compared = 0;
        for line in SERVERS_OWN.lines().filter(|line| !line.starts_with('#')) {
            let words: Vec<&str> = line.split(' ').collect();
            let number = command::number_of(words[0].as_bytes());
            assert_ne!(number, UNKNOWN, "{line}");
            let ours = command::by_number(number).keys;
            if OURS.contains(&words[0]) {
                continue;
            }
            let theirs = match words[1..] {
                // The vectors hold what the server finds in requests of these.
                [.., "movable"] => {
                    assert_ne!(ours, Keys::None, "{line}");
                    continue;
                }
                ["0", ..] => Keys::None,
                [first, last, step] => Keys::range(
                    first.parse().unwrap(),
                    last.parse().unwrap(),
                    step.parse().unwrap(),
                ),
                _ => panic!("{line}"),
            };
            let same = match (ours, theirs) {
                // One key from 1 to 1, whatever the step.
                (
                    Keys::Range { first, last, .. },
                    Keys::Range {
                        first: f, last: l, ..
                    },
                ) if i16::from(first) == i16::from(last) => first == f && last == l,
                _ => ours == theirs,
            };
            assert!(same, "{line}: {ours:?}");
            compared += 1;
        }
        assert!(compared > 200);
    }
}
