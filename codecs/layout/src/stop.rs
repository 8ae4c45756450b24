//! Why a walk over a frame ended before its goal.

/// Why a place was not reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// So many bytes of the frame must be there.
    Need(usize),
    /// What begins here reaches past the end, or is no number.
    Beyond(usize),
    /// What may stand once begins here a second time.
    Twice(usize),
    /// The frame does not have it.
    Absent,
}
