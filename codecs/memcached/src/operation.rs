//! The operations of the protocol: name, loud twin, when a quiet one keeps silent, and whether
//! it has a key that tells where it belongs.

/// When the answer to a quiet operation is kept back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Silence {
    /// Never: the operation is not quiet.
    Never,
    /// When there is no such key.
    OnMiss,
    /// When it was done.
    OnSuccess,
}

/// What an operation does to its connection, and where it belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Reads or changes the value of its key.
    Keyed,
    /// Concerns a server as a whole: goes to one instance.
    Server,
    /// Like `Server`; the answer comes in many frames, the last of which is empty.
    Statistics,
    /// Asks only that everything before it be answered.
    Barrier,
    /// Ends the connection.
    Quit,
    /// Begins or goes on with a login.
    Login,
}

/// What a request of an operation must be made of. A server ends the connection of a client that
/// sends it otherwise, and with it everything else on that connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Nothing.
    Bare,
    /// A key.
    Key,
    /// A key and a value.
    KeyValue,
    /// Flags, expiration, key and value.
    Store,
    /// Amount, initial value and expiration, and a key.
    Count,
    /// An expiration and a key.
    Expire,
    /// A word of four bytes, or nothing.
    MayWord,
    /// What it likes, but no extras.
    Any,
}

/// The longest key that servers take, in bytes.
const KEY_BYTES_MAX: u32 = 250;

impl Form {
    /// Whether extras, key and value of so many bytes are of this form.
    pub(crate) fn fits(self, extras: u32, key: u32, value: u32) -> bool {
        let (right_extras, has_key, may_have_value) = match self {
            Self::Bare => (extras == 0, false, false),
            Self::Key => (extras == 0, true, false),
            Self::KeyValue => (extras == 0, true, true),
            Self::Store => (extras == 8, true, true),
            Self::Count => (extras == 20, true, false),
            Self::Expire => (extras == 4, true, false),
            Self::MayWord => (matches!(extras, 0 | 4), false, false),
            Self::Any => return extras == 0 && key <= KEY_BYTES_MAX,
        };
        right_extras
            && (key > 0) == has_key
            && key <= KEY_BYTES_MAX
            && (value == 0 || may_have_value)
    }

    /// The numbers in the extras of a request: name and bytes.
    pub(crate) fn extras(self) -> &'static [(&'static str, u32)] {
        match self {
            Self::Store => &[("flags", 4), ("expiration", 4)],
            Self::Count => &[("amount", 8), ("initial value", 8), ("expiration", 4)],
            Self::Expire | Self::MayWord => &[("expiration", 4)],
            Self::Bare | Self::Key | Self::KeyValue | Self::Any => &[],
        }
    }
}

/// One operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    /// The operation that does the same and always answers: itself if it is not quiet.
    pub(crate) loud: u8,
    pub(crate) silence: Silence,
    pub(crate) role: Role,
    pub(crate) form: Form,
}

impl Operation {
    /// The numbers in the extras of an answer: name and bytes.
    pub(crate) fn extras_of_answer(self) -> &'static [(&'static str, u32)] {
        match self.role {
            Role::Keyed => &[("flags", 4)],
            _ => &[],
        }
    }
}

/// The operation that begins a login.
pub(crate) const SASL_AUTH: u8 = 0x21;

const fn of(name: &'static str, opcode: u8, role: Role, form: Form) -> Operation {
    Operation {
        name,
        loud: opcode,
        silence: Silence::Never,
        role,
        form,
    }
}

const fn quiet(name: &'static str, loud: Operation, silence: Silence) -> Operation {
    Operation {
        name,
        silence,
        ..loud
    }
}

const GET: Operation = of("GET", 0x00, Role::Keyed, Form::Key);
const SET: Operation = of("SET", 0x01, Role::Keyed, Form::Store);
const ADD: Operation = of("ADD", 0x02, Role::Keyed, Form::Store);
const REPLACE: Operation = of("REPLACE", 0x03, Role::Keyed, Form::Store);
const DELETE: Operation = of("DELETE", 0x04, Role::Keyed, Form::Key);
const INCREMENT: Operation = of("INCREMENT", 0x05, Role::Keyed, Form::Count);
const DECREMENT: Operation = of("DECREMENT", 0x06, Role::Keyed, Form::Count);
const QUIT: Operation = of("QUIT", 0x07, Role::Quit, Form::Bare);
const FLUSH: Operation = of("FLUSH", 0x08, Role::Server, Form::MayWord);
const GETK: Operation = of("GETK", 0x0c, Role::Keyed, Form::Key);
const APPEND: Operation = of("APPEND", 0x0e, Role::Keyed, Form::KeyValue);
const PREPEND: Operation = of("PREPEND", 0x0f, Role::Keyed, Form::KeyValue);
const GAT: Operation = of("GAT", 0x1d, Role::Keyed, Form::Expire);
const GATK: Operation = of("GATK", 0x23, Role::Keyed, Form::Expire);

/// The operation of this code; `None` if the protocol has none of it.
#[inline]
pub(crate) fn by_code(opcode: u8) -> Option<Operation> {
    use Silence::{OnMiss, OnSuccess};
    Some(match opcode {
        0x00 => GET,
        0x01 => SET,
        0x02 => ADD,
        0x03 => REPLACE,
        0x04 => DELETE,
        0x05 => INCREMENT,
        0x06 => DECREMENT,
        0x07 => QUIT,
        0x08 => FLUSH,
        0x09 => quiet("GETQ", GET, OnMiss),
        0x0a => of("NOOP", 0x0a, Role::Barrier, Form::Bare),
        0x0b => of("VERSION", 0x0b, Role::Server, Form::Bare),
        0x0c => GETK,
        0x0d => quiet("GETKQ", GETK, OnMiss),
        0x0e => APPEND,
        0x0f => PREPEND,
        0x10 => of("STAT", 0x10, Role::Statistics, Form::Any),
        0x11 => quiet("SETQ", SET, OnSuccess),
        0x12 => quiet("ADDQ", ADD, OnSuccess),
        0x13 => quiet("REPLACEQ", REPLACE, OnSuccess),
        0x14 => quiet("DELETEQ", DELETE, OnSuccess),
        0x15 => quiet("INCREMENTQ", INCREMENT, OnSuccess),
        0x16 => quiet("DECREMENTQ", DECREMENT, OnSuccess),
        0x17 => quiet("QUITQ", QUIT, OnSuccess),
        0x18 => quiet("FLUSHQ", FLUSH, OnSuccess),
        0x19 => quiet("APPENDQ", APPEND, OnSuccess),
        0x1a => quiet("PREPENDQ", PREPEND, OnSuccess),
        // VERBOSITY (0x1b) is among the unknown: memcached has never had it, and loses its place
        // in the stream over its body.
        0x1c => of("TOUCH", 0x1c, Role::Keyed, Form::Expire),
        0x1d => GAT,
        0x1e => quiet("GATQ", GAT, OnMiss),
        0x20 => of("SASL_LIST_MECHS", 0x20, Role::Server, Form::Bare),
        SASL_AUTH => of("SASL_AUTH", SASL_AUTH, Role::Login, Form::KeyValue),
        0x22 => of("SASL_STEP", 0x22, Role::Login, Form::KeyValue),
        0x23 => GATK,
        0x24 => quiet("GATKQ", GATK, OnMiss),
        _ => return None,
    })
}

/// The code that goes upstream in place of `opcode`.
#[inline]
pub(crate) fn loud(opcode: u8) -> u8 {
    by_code(opcode).map_or(opcode, |operation| operation.loud)
}

/// The status of an answer, as servers number it.
pub(crate) mod status {
    pub(crate) const OK: u16 = 0x00;
    pub(crate) const NOT_FOUND: u16 = 0x01;
    pub(crate) const EXISTS: u16 = 0x02;
    pub(crate) const INVALID: u16 = 0x04;
    pub(crate) const NOT_STORED: u16 = 0x05;
    /// Couchbase: this part of the keys lives on another server.
    pub(crate) const NOT_MY_BUCKET: u16 = 0x07;
    pub(crate) const AUTHENTICATION: u16 = 0x20;
    pub(crate) const OUT_OF_MEMORY: u16 = 0x82;
    pub(crate) const NOT_SUPPORTED: u16 = 0x83;
    pub(crate) const INTERNAL: u16 = 0x84;
    pub(crate) const BUSY: u16 = 0x85;
    pub(crate) const TEMPORARY: u16 = 0x86;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_quiet_operation_has_a_loud_twin_of_its_role() {
        let mut quiet = 0;
        for opcode in 0..=u8::MAX {
            let Some(operation) = by_code(opcode) else {
                assert_eq!(loud(opcode), opcode);
                continue;
            };
            let twin = by_code(operation.loud).unwrap();
            assert_eq!(twin.silence, Silence::Never, "{}", operation.name);
            assert_eq!(twin.role, operation.role, "{}", operation.name);
            assert_eq!(twin.loud, operation.loud);
            if operation.silence == Silence::Never {
                assert_eq!(operation.loud, opcode);
            } else {
                assert_eq!(operation.name, format!("{}Q", twin.name));
                quiet += 1;
            }
        }
        assert_eq!(quiet, 14);
    }
}
