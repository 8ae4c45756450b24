//! A Redis of a dozen commands, in memory: enough to be loaded.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::wire::redis::{Command, write_bulk};

type Values = HashMap<Box<[u8]>, Box<[u8]>>;

/// Keys and their values, shared by the threads of one backend.
#[derive(Debug, Default)]
pub(crate) struct Store {
    values: Mutex<Values>,
}

impl Store {
    /// Appends the reply to `command`, in Redis's words.
    pub(crate) fn answer(&self, command: &Command<'_>, backend: &[u8], out: &mut Vec<u8>) {
        let [name, key, value, ..] = command.arguments;
        let mut upper = [0_u8; 8];
        let length = name.len().min(upper.len());
        for (to, from) in upper.iter_mut().zip(name) {
            *to = from.to_ascii_uppercase();
        }
        match (upper.get(..length).unwrap_or_default(), command.count) {
            (b"GET", 2) => match self.lock().get(key) {
                Some(value) => write_bulk(value, out),
                None => out.extend_from_slice(b"$-1\r\n"),
            },
            // Expiry and conditions are accepted and ignored.
            (b"SET", 3..) => {
                self.lock().insert(key.into(), value.into());
                out.extend_from_slice(b"+OK\r\n");
            }
            (b"DEL", 2..=8) => {
                let mut values = self.lock();
                let keys = command.arguments.iter().take(command.count).skip(1);
                let gone = keys.filter(|key| values.remove(**key).is_some()).count();
                out.extend_from_slice(format!(":{gone}\r\n").as_bytes());
            }
            (b"PING", 1) => out.extend_from_slice(b"+PONG\r\n"),
            (b"PING" | b"ECHO", 2) => write_bulk(key, out),
            (b"SELECT", 2) => out.extend_from_slice(b"+OK\r\n"),
            (b"COMMAND", _) => out.extend_from_slice(b"*0\r\n"),
            (b"INFO", _) => {
                let name = String::from_utf8_lossy(backend);
                let keys = self.lock().len();
                let text = format!("# Server\r\nweft_echo:{name}\r\n# Keyspace\r\nkeys:{keys}\r\n");
                write_bulk(text.as_bytes(), out);
            }
            _ => {
                let name = String::from_utf8_lossy(name);
                let name: String = name.chars().filter(|c| !c.is_control()).take(32).collect();
                let text = format!("-ERR unknown command '{name}', or too many arguments\r\n");
                out.extend_from_slice(text.as_bytes());
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Values> {
        // A map that was left by a panicking thread is still a map.
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::redis::read_command;

    fn ask(store: &Store, line: &str) -> String {
        let bytes = format!("{line}\r\n").into_bytes();
        let command = read_command(&bytes).unwrap().unwrap();
        let mut out = Vec::new();
        store.answer(&command, b"b1", &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_value_is_there_from_its_set_to_its_deletion() {
        let store = Store::default();
        assert_eq!(ask(&store, "GET k"), "$-1\r\n");
        assert_eq!(ask(&store, "SET k v EX 60"), "+OK\r\n");
        assert_eq!(ask(&store, "get k"), "$1\r\nv\r\n");
        assert_eq!(ask(&store, "DEL k other"), ":1\r\n");
        assert_eq!(ask(&store, "GET k"), "$-1\r\n");
    }

    #[test]
    fn ping_and_echo_give_back_their_argument() {
        let store = Store::default();
        assert_eq!(ask(&store, "PING"), "+PONG\r\n");
        assert_eq!(ask(&store, "PING hi"), "$2\r\nhi\r\n");
        assert_eq!(ask(&store, "ECHO hi"), "$2\r\nhi\r\n");
    }

    #[test]
    fn an_unknown_command_is_an_error_and_info_names_the_backend() {
        let store = Store::default();
        assert!(ask(&store, "SUBSCRIBE x").starts_with("-ERR unknown command 'SUBSCRIBE'"));
        assert!(ask(&store, "INFO").contains("weft_echo:b1"));
    }
}
