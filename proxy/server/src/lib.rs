//! weft-proxy

pub mod builtin;
pub mod config;
