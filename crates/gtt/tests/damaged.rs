//! Models damaged at random: freezing them is an error or gives a sound model, never a panic.

use std::fs;
use std::path::{Path, PathBuf};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(name)
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

/// More rounds: `GTT_FUZZ=5000 cargo test -p gtt --test damaged`.
fn rounds() -> usize {
    std::env::var("GTT_FUZZ").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(100)
}

#[test]
fn damaged_saved_models_are_errors_or_sound() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut frozen = 0;
    for (name, signatures) in [("mnist/unfrozen", &[][..]), ("module/model", &["scores", "serving_default"][..])] {
        let source = fixture(name);
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("variables")).unwrap();
        for entry in fs::read_dir(source.join("variables")).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, folder.path().join("variables").join(path.file_name().unwrap())).unwrap();
        }
        let whole = fs::read(source.join("saved_model.pb")).unwrap();
        for _ in 0..rounds() {
            let mut bytes = whole.clone();
            for _ in 0..=random.below(3) {
                let at = random.below(bytes.len());
                bytes[at] = match random.below(3) {
                    0 => bytes[at] ^ (1 << random.below(8)),
                    1 => bytes[random.below(bytes.len())],
                    _ => random.below(256) as u8,
                };
            }
            fs::write(folder.path().join("saved_model.pb"), &bytes).unwrap();
            let Ok(model) = gtt::Freeze::new().signatures(signatures.iter().copied()).run(folder.path()) else {
                continue;
            };
            gtt::ir::verify(model.source().model()).unwrap();
            frozen += 1;
        }
    }
    assert!(frozen > 0);
}
