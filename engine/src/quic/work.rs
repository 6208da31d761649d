//! The connections that wait to be driven.
//!
//! Those that became ready together are a batch, such as the viewers of a frame. Batches take turns, a connection each: the fifty viewers of one
//! broadcast do not wait until the thousands of another one have their frame.

use std::collections::VecDeque;

/// Batches at once; what becomes ready beyond them joins the last one.
const BATCHES: usize = 64;

pub struct Work<T> {
    /// In the order of their turns. No batch is empty.
    batches: VecDeque<VecDeque<T>>,
    /// Empty batches to use again.
    spare: Vec<VecDeque<T>>,
}

impl<T> Default for Work<T> {
    fn default() -> Self {
        Self { batches: VecDeque::new(), spare: Vec::new() }
    }
}

impl<T> Work<T> {
    pub fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// Adds a batch, and empties `ready`.
    pub fn add(&mut self, ready: &mut Vec<T>) {
        if ready.is_empty() {
            return;
        }
        if self.batches.len() < BATCHES {
            self.batches.push_back(self.spare.pop().unwrap_or_default());
        }
        if let Some(last) = self.batches.back_mut() {
            last.extend(ready.drain(..));
        }
    }

    /// The next connection, of the batch whose turn it is.
    pub fn next(&mut self) -> Option<T> {
        let mut batch = self.batches.pop_front()?;
        let next = batch.pop_front();
        if batch.is_empty() {
            self.spare.push(batch);
        } else {
            self.batches.push_back(batch);
        }
        next
    }

    /// Makes `connection` the next one again.
    pub fn put_back(&mut self, connection: T) {
        let mut batch = self.spare.pop().unwrap_or_default();
        batch.push_back(connection);
        self.batches.push_front(batch);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(work: &mut Work<u32>) -> Vec<u32> {
        std::iter::from_fn(|| work.next()).collect()
    }

    #[test]
    fn batches_take_turns() {
        let mut work = Work::default();
        work.add(&mut (0..5).collect());
        assert_eq!(work.next(), Some(0));
        work.add(&mut vec![10, 11]);
        work.add(&mut Vec::new());
        assert_eq!(all(&mut work), [1, 10, 2, 11, 3, 4]);
        assert!(work.is_empty());
    }

    #[test]
    fn what_is_put_back_is_the_next() {
        let mut work = Work::default();
        work.add(&mut vec![1, 2]);
        let first = work.next().unwrap();
        work.put_back(first);
        assert_eq!(all(&mut work), [1, 2]);
    }

    #[test]
    fn beyond_the_bound_batches_join_the_last_one_and_none_is_lost() {
        let mut work = Work::default();
        let count = BATCHES as u32 + 3;
        for batch in 0..count {
            work.add(&mut vec![2 * batch, 2 * batch + 1]);
        }
        assert_eq!(work.batches.len(), BATCHES);
        let mut seen = all(&mut work);
        seen.sort_unstable();
        assert_eq!(seen, (0..2 * count).collect::<Vec<_>>());
    }
}
