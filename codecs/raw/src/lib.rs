//! weft-raw
