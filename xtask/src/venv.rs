//! The oracle environment: a Python with ONNX Runtime and the other optimizers, which nothing else in the workspace needs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// What to say when there is none.
const HOW: &str =
    "python3 -m venv DIR && DIR/bin/pip install onnx onnxruntime onnxsim onnxslim onnxoptimizer onnxscript";

/// A Python environment and the scripts of `xtask/oracle`.
pub(crate) struct Venv {
    python: PathBuf,
    scripts: PathBuf,
}

impl Venv {
    /// The environment in a folder.
    pub(crate) fn open(root: &Path, folder: &Path) -> Result<Self> {
        let python = folder.join("bin/python");
        ensure!(python.exists(), "`{}` is no Python environment; make one: {HOW}", folder.display());
        // Not canonical: the path by which it is started tells Python where its packages are.
        let python = std::path::absolute(python)?;
        Ok(Self { python, scripts: root.join("xtask/oracle") })
    }

    /// A script, ready to run.
    pub(crate) fn script(&self, name: &str) -> Command {
        let mut command = Command::new(&self.python);
        command.arg("-W").arg("ignore").arg(self.scripts.join(name)).stdin(Stdio::null());
        command
    }

    /// Runs a script and reads the JSON on its last line; a script that dies gives `{"problem": …}`.
    pub(crate) fn ask<S: AsRef<std::ffi::OsStr>>(&self, name: &str, arguments: &[S]) -> Result<Value> {
        let output = self.script(name).args(arguments).output().with_context(|| name.to_owned())?;
        let text = String::from_utf8_lossy(&output.stdout);
        if let Some(found) = text.lines().last().and_then(|line| serde_json::from_str(line).ok()) {
            return Ok(found);
        }
        let error = String::from_utf8_lossy(&output.stderr);
        let last = error.lines().last().unwrap_or_default();
        Ok(serde_json::json!({ "problem": format!("{}: {last}", output.status) }))
    }

    /// Versions of packages.
    pub(crate) fn versions(&self, packages: &[&str]) -> Result<serde_json::Map<String, Value>> {
        let arguments: Vec<&str> = std::iter::once("versions").chain(packages.iter().copied()).collect();
        let found = self.ask("compare.py", &arguments)?;
        let found = found.as_object().filter(|found| !found.contains_key("problem"));
        found.cloned().with_context(|| format!("the environment lacks packages; make one: {HOW}"))
    }
}
