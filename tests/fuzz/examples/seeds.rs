//! Writes what fuzzers begin with to a folder: `cargo run --example seeds -- FOLDER`. Each target
//! gets a folder of its own in it, each input a file.

use std::path::Path;

use weft_fuzz::{TARGETS, seeds};

fn main() -> Result<(), String> {
    let Some(folder) = std::env::args_os().nth(1) else {
        return Err("seeds FOLDER".to_owned());
    };
    for target in TARGETS {
        let folder = Path::new(&folder).join(target.name);
        std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        for (number, seed) in (0..).zip(seeds(target.name)?) {
            let number: u32 = number;
            let file = folder.join(format!("seed-{number:04}"));
            std::fs::write(&file, seed).map_err(|error| error.to_string())?;
        }
    }
    Ok(())
}
