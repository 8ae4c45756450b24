//! weft-proxy
