//! Reading what people write: RON text, with complaints that name the place and the mend.
//!
//! Descriptions of protocols and configurations of proxies are RON. Both are read in two steps:
//! [`from_str`] turns the text into plain serde types and complains of what cannot be read;
//! the caller then checks what it read, and finds the place of each mistake with [`locate`].
//! Every mistake is a [`Complaint`]: file, line, column, what is wrong, what was expected, the
//! nearest valid word, and what to do about it.
//!
//! This crate knows no protocol, no configuration and no file system: the name of the file is
//! only repeated in complaints.
//!
//! `Some(…)` may be left out, and so may the inner parentheses of a newtype.

mod position;
pub use position::Position;

mod complaint;
pub use complaint::{Complaint, nearest};

mod read;
pub use read::from_str;

mod all;
pub use all::from_str_all;

mod token;

mod locate;
pub use locate::{Step, locate, locate_name};
