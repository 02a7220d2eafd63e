//! The wire contract of crossmargin: package `crossmargin.v1` as generated types, clients and servers.

pub mod bounded;

/// Package `crossmargin.v1`.
#[allow(missing_docs, clippy::all, unreachable_pub, reason = "generated from proto/, which documents every field")]
pub mod v1 {
    tonic::include_proto!("crossmargin.v1");
}

/// The encoded `FileDescriptorSet` of the contract, for reflection.
pub const DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/crossmargin_descriptor.bin"));
