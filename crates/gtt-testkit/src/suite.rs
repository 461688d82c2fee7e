//! The test binary: one test for each case, and others on request.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};

use crate::case::Case;
use crate::check::run_case;
use crate::kit::Kit;

/// What [`run_cases!`](crate::run_cases) compares with the file.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The folder of snapshots.
    pub folder: PathBuf,
    /// Name of the case.
    pub name: String,
    /// The case file.
    pub case: PathBuf,
    /// What the snapshot must be.
    pub text: String,
}

/// All tests of one binary.
pub struct Suite {
    kit: Arc<Kit>,
    folders: Vec<PathBuf>,
    extra: Vec<Trial>,
}

impl From<Kit> for Suite {
    fn from(kit: Kit) -> Self {
        Self { kit: Arc::new(kit), folders: Vec::new(), extra: Vec::new() }
    }
}

impl Suite {
    /// With the cases below one more folder.
    pub fn folder(mut self, folder: impl AsRef<Path>) -> Self {
        self.folders.push(folder.as_ref().to_owned());
        self
    }

    /// With one more test, e.g. a fuzz test: `suite.test("my_pass::random_graphs", |kit| gtt_testkit::fuzz(kit, "my_pass", 0..100))`.
    pub fn test<E: std::fmt::Display>(
        mut self,
        name: impl Into<String>,
        test: impl FnOnce(&Kit) -> Result<(), E> + Send + 'static,
    ) -> Self {
        let kit = self.kit.clone();
        self.extra.push(Trial::test(name, move || test(&kit).map_err(|error| Failed::from(error.to_string()))));
        self
    }

    /// Runs all tests with the process's arguments and ends the process. Use [`run_cases!`](crate::run_cases).
    pub fn run(self, assert: impl Fn(&Snapshot) + Clone + Send + 'static) -> ! {
        let arguments = Arguments::from_args();
        let mut trials = self.extra;
        for path in self.folders.iter().flat_map(|folder| case_files(folder)) {
            let (kit, assert) = (self.kit.clone(), assert.clone());
            let name = |path: Option<&Path>| {
                path.and_then(Path::file_stem).map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
            };
            let folder = path.parent().and_then(Path::parent);
            let title = format!("{}::{}", name(folder), name(Some(&path)));
            let snapshots = folder.unwrap_or(Path::new(".")).join("snapshots");
            trials.push(Trial::test(title, move || {
                let case = Case::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
                let text = run_case(&kit, &case)?;
                assert(&Snapshot { folder: snapshots, name: case.name, case: path, text });
                Ok(())
            }));
        }
        libtest_mimic::run(&arguments, trials).exit()
    }
}

/// `cases/*.gtt` and `*/cases/*.gtt` of a folder, sorted.
fn case_files(folder: &Path) -> Vec<PathBuf> {
    let entries = |folder: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        paths.sort();
        paths
    };
    let folders = std::iter::once(folder.to_owned()).chain(entries(folder)).map(|folder| folder.join("cases"));
    let files = folders.flat_map(|folder| entries(&folder));
    files.filter(|path| path.extension().is_some_and(|extension| extension == "gtt")).collect()
}
