//! Ctrl-C and SIGTERM: temporary files of unfinished output are removed before the process ends.
//!
//! Best effort. Finished files appear by a rename, so that an interrupted run never leaves half a model; what could stay behind
//! is a hidden `.gtt-….tmp` file or folder. Those that this process has open are found through `/proc` (Linux).

use std::path::PathBuf;

/// Exit code of a process that was interrupted, as shells expect it.
const INTERRUPTED: i32 = 130;

pub(crate) fn on_interrupt() {
    let installed = ctrlc::set_handler(|| {
        for path in unfinished() {
            let removed = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
            if let Err(error) = removed {
                tracing::debug!("cannot remove `{}`: {error}", path.display());
            }
        }
        std::process::exit(INTERRUPTED);
    });
    if let Err(error) = installed {
        tracing::debug!("no handler for Ctrl-C: {error}");
    }
}

/// Temporary files of ours that are open, or the temporary folders that they lie in.
fn unfinished() -> Vec<PathBuf> {
    let Ok(descriptors) = std::fs::read_dir("/proc/self/fd") else { return Vec::new() };
    let mut found: Vec<PathBuf> = descriptors
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .filter_map(|path| path.ancestors().find(|path| is_ours(path)).map(PathBuf::from))
        .collect();
    found.sort();
    found.dedup();
    found
}

fn is_ours(path: &std::path::Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy());
    name.is_some_and(|name| name.starts_with(".gtt-") && name.ends_with(".tmp"))
}
