//! Compiles `proto/` with protox, so that nobody needs protoc, and writes the descriptor set for reflection.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto/crossmargin");
    let mut files: Vec<PathBuf> =
        fs::read_dir("proto/crossmargin/v1")?.map(|entry| entry.map(|e| e.path())).collect::<Result<_, _>>()?;
    files.retain(|path| path.extension().is_some_and(|ext| ext == "proto"));
    files.sort();

    let descriptors = protox::compile(&files, ["proto"])?;
    // protox leaves the descriptor set to the caller; reflection serves it.
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("crossmargin_descriptor.bin"), descriptors.encode_to_vec())?;
    let mut config = tonic_prost_build::Config::new();
    // The codec finds what a message may take by the message's name.
    config.enable_type_names();
    tonic_prost_build::configure()
        .bytes(".")
        .codec_path("crate::bounded::BoundedCodec")
        .compile_fds_with_config(descriptors, config)?;
    Ok(())
}
