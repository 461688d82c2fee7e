//! `cargo xtask tidy`: what neither the compiler nor a test of one crate can check. Each problem is one line that says where.

mod crates;
mod files;
mod passes;
mod source;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Everything that is wrong with the workspace.
pub(crate) fn problems(root: &Path) -> Result<Vec<String>> {
    let tree = Tree::read(root)?;
    let mut problems = Vec::new();
    files::check(&tree, &mut problems);
    source::check(&tree, &mut problems);
    crates::check(root, &mut problems)?;
    passes::check(&tree, &mut problems);
    problems.sort();
    Ok(problems)
}

/// The text files of the workspace, build output left out.
struct Tree {
    files: Vec<File>,
}

/// A text file; `path` is relative to the workspace, with `/`.
struct File {
    path: String,
    text: String,
}

impl Tree {
    const TEXT: &[&str] = &["rs", "md", "toml", "gtt", "snap", "txt", "yml", "yaml", "sh", "py", "run"];

    fn read(root: &Path) -> Result<Self> {
        let mut files = Vec::new();
        let mut folders = vec![root.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).with_context(|| format!("`{}`", folder.display()))? {
                let path: PathBuf = entry?.path();
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                if path.is_dir() {
                    if !path.is_symlink() && !matches!(name.as_str(), "target" | ".git" | "corpus" | "artifacts") {
                        folders.push(path);
                    }
                    continue;
                }
                let extension =
                    path.extension().map_or(name.as_str(), |extension| extension.to_str().unwrap_or_default());
                if Self::TEXT.contains(&extension) {
                    // A file of another helper may be gone by now; binary content is none of ours.
                    let Ok(text) = std::fs::read_to_string(&path) else { continue };
                    let path = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
                    files.push(File { path, text });
                }
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self { files })
    }

    fn get(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Files below a folder (`passes/`) with an extension (`.rs`).
    fn below<'a>(&'a self, folder: &'a str, extension: &'a str) -> impl Iterator<Item = &'a File> {
        self.files.iter().filter(move |file| file.path.starts_with(folder) && file.path.ends_with(extension))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree of these files.
    pub(super) fn tree(files: &[(&str, &str)]) -> Tree {
        let file = |(path, text): &(&str, &str)| File { path: (*path).to_owned(), text: (*text).to_owned() };
        Tree { files: files.iter().map(file).collect() }
    }

    #[test]
    fn the_workspace_is_tidy() {
        let problems = problems(&crate::root()).unwrap();
        assert!(problems.is_empty(), "{}", problems.join("\n"));
    }
}
