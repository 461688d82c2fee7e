//! `cargo xtask idempotent`: two runs give the same bytes, and a run on the result gives it back.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};

use crate::peers::{release_binary, title};

pub(crate) fn idempotent(root: &Path, gtt: Option<&Path>, passes: &str, models: &[PathBuf]) -> Result<()> {
    let gtt = gtt.map_or_else(|| release_binary(root), |gtt| Ok(std::path::absolute(gtt)?))?;
    let mut failed = 0;
    for model in models {
        let folder = tempfile::tempdir()?;
        let [first, second, third] = ["first", "second", "third"].map(|name| folder.path().join(name).join("out.onnx"));
        for (from, to) in [(model, &first), (model, &second), (&first, &third)] {
            to.parent().map(std::fs::create_dir_all).transpose()?;
            super::run(
                Command::new(&gtt).arg("transform").arg(from).arg("-o").arg(to).args(["-q", "--passes", passes]),
            )?;
        }
        let verdicts = [("two runs differ", &first, &second), ("a second pass over it changes it", &first, &third)];
        let words: Vec<&str> = verdicts.iter().filter(|(_, a, b)| !same(a, b)).map(|(words, ..)| *words).collect();
        println!("{:48} {}", title(model), if words.is_empty() { "same".to_owned() } else { words.join("; ") });
        failed += usize::from(!words.is_empty());
    }
    ensure!(failed == 0, "{failed} of {} models", models.len());
    Ok(())
}

fn same(a: &Path, b: &Path) -> bool {
    matches!((gtt_wire::map_file(a), gtt_wire::map_file(b)), (Ok(a), Ok(b)) if a == b)
}
