//! Work on several threads.

use crate::Result;
use std::{
    panic,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

/// Does a piece of work for each of many things, on as many threads as there are processors.
///
/// The results are in the order of `items`, which is also the order in which they are begun. Each thread has one
/// `scratch` of its own for all of its work. An error ends it: nothing more is begun, and the first error in that
/// order is given back.
pub fn each<I: Sync, S, T: Send>(
    items: &[I],
    scratch: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, &I) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    if let [only] = items {
        return Ok(vec![work(&mut scratch(), only)?]);
    }
    let threads = thread::available_parallelism().map_or(1, usize::from).min(items.len());
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let done = Mutex::new(Vec::with_capacity(items.len()));
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let (mut scratch, mut mine) = (scratch(), vec![]);
                while !stop.load(Ordering::Relaxed) {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(index) else { break };
                    let result = work(&mut scratch, item);
                    stop.fetch_or(result.is_err(), Ordering::Relaxed);
                    mine.push((index, result));
                }
                done.lock().unwrap_or_else(PoisonError::into_inner).append(&mut mine);
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

/// What the thread gives back; its panic goes on here.
pub fn joined<T>(thread: thread::ScopedJoinHandle<T>) -> T {
    thread.join().unwrap_or_else(|panic| panic::resume_unwind(panic))
}
