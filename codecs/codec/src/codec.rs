//! The trait that every protocol implements.

use crate::{
    Asked, CannotSay, EmitError, Field, Head, Limits, Malformed, Parts, Rewrite, Say, ScanState,
    Scanned, Side, Sniff, Tail, Traits, Value, Verdict,
};

/// Reads and patches the frames of one protocol.
///
/// A codec is shared by all workers and holds no state of a connection. Every method is total:
/// it answers any bytes without a panic. `frame` always begins at a frame's first byte and holds
/// at least `head.head_bytes` bytes of it.
pub trait Codec: Send + Sync + std::fmt::Debug {
    /// The protocol's name, as configurations write it.
    fn name(&self) -> &str;

    /// What the protocol is.
    fn traits(&self) -> &Traits;

    /// Methods that may be sent again although bytes of them went out, as patterns of their
    /// names: a name, or the beginning of one and `*`. What a service's policy says counts more.
    fn idempotent(&self) -> &[String] {
        &[]
    }

    /// Whether `prefix`, the first bytes that a client sent, are of this protocol.
    fn sniff(&self, prefix: &[u8]) -> Sniff;

    /// Finds the heads of all frames in `bytes` and appends them to `heads`.
    ///
    /// `bytes` begins at a frame boundary; `state` is what the last scan of the same, then
    /// unfinished, frame left. Whole frames are reported; a frame longer than
    /// [`Limits::cut_through_bytes`] that is not [`crate::Cut::Whole`] is reported as soon as its
    /// head is there, as the last one, with `frame_bytes` past the end of `bytes`; one that is
    /// [`crate::Cut::ChecksumTail`] only while no byte of the checksum is there. A frame is
    /// never reported twice: the caller drops [`Scanned::consumed`] bytes before it calls again.
    ///
    /// # Errors
    /// [`Malformed`] with the offset in `bytes`. The heads found before it are in `heads` and
    /// good; the stream after it cannot be trusted.
    fn scan(
        &self,
        side: Side,
        limits: &Limits,
        state: &mut ScanState,
        bytes: &[u8],
        heads: &mut Vec<Head>,
    ) -> Result<Scanned, Malformed>;

    /// Notes in `asked` what an answer to this request must carry back. Called once for each
    /// request, one-way and ping; `asked` is empty before.
    fn remember(&self, head: &Head, frame: &[u8], asked: &mut Asked);

    /// Reads one field, or `None` where the frame does not carry it.
    fn field<'a>(
        &self,
        side: Side,
        head: &Head,
        frame: &'a [u8],
        field: Field<'_>,
    ) -> Option<Value<'a>>;

    /// Calls `each` with every [`Field::HashKey`] of a request, in order, until it answers
    /// `false`: one walk over the frame, where asking key by key would begin anew for each.
    fn hash_keys(&self, head: &Head, frame: &[u8], each: &mut dyn FnMut(&[u8]) -> bool) {
        for n in 0..u32::MAX {
            match self.field(Side::Downstream, head, frame, Field::HashKey(n)) {
                Some(key) if each(&key.to_bytes()) => {}
                _ => return,
            }
        }
    }

    /// What an answer says about its request and its server. `frame` may be only the head of a
    /// large answer.
    fn classify(&self, head: &Head, frame: &[u8]) -> Verdict;

    /// Appends `frame` to `out` with the edits of `rewrite`: in one pass, with nested lengths,
    /// padding and checksums mended. Of a cut-through frame `frame` holds only the bytes that
    /// have come, at least the head; the caller passes the others on as they are, or through
    /// [`Codec::tail`].
    ///
    /// An answer of which nothing is appended is kept back, what is still to come of it too: its
    /// caller asked to hear of something else only. It ends its exchange all the same.
    ///
    /// # Errors
    /// [`EmitError`]; then nothing was appended.
    fn emit(
        &self,
        side: Side,
        head: &Head,
        frame: &[u8],
        rewrite: &Rewrite<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), EmitError>;

    /// What mends the checksum at the end of a [`crate::Cut::ChecksumTail`] frame that is cut
    /// through: `frame` is what [`Codec::emit`] was given of it, `emitted` what that appended.
    /// `None` where the checksum need not change, or where such a frame is never cut.
    fn tail(&self, _side: Side, _head: &Head, _frame: &[u8], _emitted: &[u8]) -> Option<Tail> {
        None
    }

    /// Appends the bytes of `what` to `out`; nothing of an answer that its caller does not want to
    /// hear.
    ///
    /// # Errors
    /// [`CannotSay`] where [`Traits::says`] says so; then nothing was appended.
    fn say(&self, what: &Say<'_>, out: &mut Vec<u8>) -> Result<(), CannotSay>;

    /// Names the parts of a frame in wire order, for people: see [`Parts`]. Never on a request's
    /// path, so it may allocate.
    ///
    /// `head` is `None` if none could be read, because the bytes are malformed or not all there:
    /// then the parts are named as far as they can be read, the last one is where reading stops,
    /// and `frame` is all that is left of the stream. A part lies inside the frame (without a
    /// head: inside the bytes), parts of one depth do not overlap, and a deeper one lies inside
    /// the one before it that is less deep. The proof kit holds codecs to that.
    ///
    /// By default id and method are named, and the bytes around them.
    fn parts(&self, _side: Side, head: Option<&Head>, frame: &[u8], parts: &mut Parts) {
        if let Some(head) = head {
            parts.of_head(self.traits().ids, head, frame);
        }
    }
}
