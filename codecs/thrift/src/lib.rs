//! weft-thrift
