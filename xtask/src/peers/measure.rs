//! One process: wall time, CPU time, and the memory it had at its peak.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

const POLL: Duration = Duration::from_micros(500);
/// Of `/proc`: a hundredth of a second, on every Linux there is.
const TICK: f64 = 0.01;

/// What a process cost.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Cost {
    /// Seconds by the clock.
    pub(crate) wall: f64,
    /// Seconds of CPU, of all threads, in steps of 0.01.
    pub(crate) cpu: f64,
    /// The most memory at any time, mapped files included, in MB.
    pub(crate) rss: f64,
    /// The most memory that belongs to no file, in MB.
    pub(crate) anonymous: f64,
    /// How it failed, if it did.
    pub(crate) problem: Option<String>,
}

/// Runs a command to its end, at most so long. Its messages go to a file of which the last line is shown when it fails.
pub(crate) fn run(command: &mut Command, limit: Duration) -> Result<Cost> {
    let mut messages = tempfile::NamedTempFile::new()?;
    let before = children_cpu();
    let start = Instant::now();
    let mut child = command
        .stdout(Stdio::null())
        .stderr(messages.reopen()?)
        .spawn()
        .with_context(|| format!("{command:?} does not start"))?;
    let status_file = format!("/proc/{}/status", child.id());
    let (mut rss, mut anonymous, mut late) = (0, 0, false);
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        let status = fs::read_to_string(&status_file).unwrap_or_default();
        rss = rss.max(kilobytes(&status, "VmHWM:"));
        anonymous = anonymous.max(kilobytes(&status, "RssAnon:"));
        if start.elapsed() > limit {
            child.kill()?;
            late = true;
        }
        thread::sleep(POLL);
    };
    let wall = start.elapsed().as_secs_f64();
    let problem = (!status.success()).then(|| {
        let mut text = String::new();
        let _ = std::io::Read::read_to_string(messages.as_file_mut(), &mut text);
        let last = text.trim().lines().last().unwrap_or_default();
        if late { format!("stopped after {} s", limit.as_secs()) } else { format!("{status}: {last}") }
    });
    let megabytes = |kilobytes: u64| kilobytes as f64 / 1024.0;
    let (rss, anonymous) = (megabytes(rss), megabytes(anonymous));
    Ok(Cost { wall, cpu: children_cpu() - before, rss, anonymous, problem })
}

fn kilobytes(status: &str, key: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// CPU seconds of all children that have ended.
fn children_cpu() -> f64 {
    let text = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name of the program may hold blanks; the fields after it do not. `cutime` and `cstime` are fields 16 and 17.
    let rest = text.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let ticks: u64 = rest.split_whitespace().skip(13).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    ticks as f64 * TICK
}
