//! weft-resp
