//! Running tract safely: on a thread with a large stack, with panics caught and kept off stderr.
//!
//! Analysis and planning recurse, and a few ops panic on models they do not expect. A panic hook is global, so one that asks a
//! thread-local flag is installed once in front of whatever hook there was; other threads' panics are reported as before.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use crate::engine::EngineError;

/// Stack of the threads that tract runs on. Pages are only taken when touched.
const STACK: usize = 64 << 20;

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

fn install_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !GUARDED.get() {
                return previous(info);
            }
            let payload = info.payload();
            let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let text = text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_default();
            PANIC.set(Some(text.lines().next().unwrap_or_default().to_owned()));
        }));
    });
}

/// Runs `work` guarded; a panic becomes an error.
pub(super) fn guarded<T: Send>(
    stage: &'static str,
    work: impl FnOnce() -> Result<T, EngineError> + Send,
) -> Result<T, EngineError> {
    install_hook();
    let failed = |message: String| EngineError::Failed { stage, message };
    std::thread::scope(|scope| {
        let spawned =
            std::thread::Builder::new().name("gtt-engine".to_owned()).stack_size(STACK).spawn_scoped(scope, || {
                GUARDED.set(true);
                // What `work` leaves half done is dropped with it: callers keep nothing from a run that failed.
                catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
                    Err(failed(format!("the engine panicked: {}", PANIC.take().unwrap_or_default())))
                })
            });
        match spawned {
            Ok(thread) => thread.join().unwrap_or_else(|_| Err(failed("the engine's thread died".to_owned()))),
            Err(error) => Err(failed(format!("no thread to run on: {error}"))),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_with_its_words() {
        let error = guarded::<()>("run", || panic!("index {} out of range", 7)).unwrap_err();
        assert_eq!(error.to_string(), "engine failed to run: the engine panicked: index 7 out of range");
        assert_eq!(guarded("run", || Ok(1)).unwrap(), 1);
    }

    #[test]
    fn deep_recursion_fits() {
        fn deep(left: u32) -> u32 {
            let pad = std::hint::black_box([left; 64]);
            if left == 0 { pad[0] } else { deep(left - 1) + pad[1] }
        }
        assert!(guarded("run", || Ok(deep(50_000))).is_ok());
    }
}
