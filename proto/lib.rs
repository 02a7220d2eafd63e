//! The wire contract of crossmargin: package `crossmargin.v1` as generated types, clients and servers.
#![allow(missing_docs, clippy::all, unreachable_pub, reason = "generated from proto/, which documents every field")]

/// Package `crossmargin.v1`.
pub mod v1 {
    tonic::include_proto!("crossmargin.v1");
}

/// The encoded `FileDescriptorSet` of the contract, for reflection.
pub const DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/crossmargin_descriptor.bin"));
