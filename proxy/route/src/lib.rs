//! Rules compiled, evaluated and explained: which service, subset and policy an exchange gets.
//!
//! Pure: it knows codecs only through [`Fields`], and neither sockets, instances nor time. The
//! engine, the registry and the operator's commands all decide by this code.

mod fields;
pub use fields::{Fields, RequestFields};

mod table;
pub use table::{CompileError, RouteTable, Rule, Shadow};

mod decide;

mod explain;
pub use explain::{Finding, Miss, Step};

#[cfg(test)]
mod tests;
