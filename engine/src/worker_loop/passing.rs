//! Passing on: what a stream of a peer brings is written to other streams at once, and JavaScript learns of it afterwards.
//!
//! JavaScript and the worker agree on a place in the stream first. JavaScript asks for a mark, the worker stops reading the stream and
//! reports the mark behind all that it has read, and JavaScript, which has written all of that, answers with the streams. The way back is an
//! event between the last bytes that were passed on and the first that were not.

use super::WorkerLoop;
use crate::command::{Command, Pass};
use crate::events::Event;
use crate::frames::{Framing, Walker, Written};
use crate::link_shared::LinkShared;
use crate::stream::Passing;
use bytes::{Bytes, BytesMut};
use std::sync::Arc;

/// Numbers in a [`Pass`] as JavaScript writes it, before the streams.
const HEAD: usize = 4;

impl Pass {
    /// `words`: late, framing, largest payload, bytes left; then framing and number of streams, and the streams, until the end. Nothing
    /// where that is not so.
    pub fn parse(from: u32, words: &[u32]) -> Option<Self> {
        let (head, mut rest) = words.split_at_checked(HEAD)?;
        let framing = Framing::of(head[1])?;
        let mut to = Vec::new();
        while let [into, count, ids @ ..] = rest {
            let (ids, after) = ids.split_at_checked(*count as usize)?;
            let into = Framing::of(*into).filter(|into| framing.becomes(*into))?;
            to.push((into, ids.into()));
            rest = after;
        }
        Some(Self { from, late: head[0] != 0, framing, largest: head[2].into(), left: head[3].into(), to })
    }
}

impl WorkerLoop {
    pub(super) fn mark(&mut self, id: u32) {
        let Some(stream) = self.stream(id).filter(|stream| stream.recv.is_some()) else { return };
        let link_id = stream.link;
        let passing = stream.passing.get_or_insert_default();
        if passing.marked {
            return;
        }
        passing.marked = true;
        self.report_of(link_id, |link| Event::Mark(link, id));
    }

    pub(super) fn pass(&mut self, pass: Pass) {
        let Some(passing) = self.passing(pass.from).filter(|passing| passing.marked) else { return };
        passing.marked = false;
        passing.late = pass.late;
        if !pass.to.is_empty() {
            passing.written.clear();
        }
        for (framing, ids) in pass.to {
            match passing.written.iter_mut().find(|one| one.framing == framing) {
                Some(one) => one.to.extend_from_slice(&ids),
                None => passing.written.push(Written { framing, bytes: BytesMut::new(), to: ids.into_vec() }),
            }
        }
        // Those behind another relay have the longest way.
        passing.written.sort_by_key(|one| one.framing != Framing::Flagged);
        if passing.walker.is_none() && !passing.written.is_empty() {
            passing.walker = Some(Walker::new(pass.framing, pass.largest, pass.left));
        }
        self.read(pass.from, false);
    }

    pub(super) fn unpass(&mut self, id: u32) {
        let Some(stream) = self.stream(id) else { return };
        let link_id = stream.link;
        if stream.passing.take().is_none() {
            return;
        }
        self.report_of(link_id, |link| Event::Unpassed(link, id));
        self.read(id, false);
    }

    /// Reads all that has come, because the link is over. A mark is not answered any more.
    pub(super) fn read_all(&mut self, id: u32) {
        if self.passing(id).is_some_and(|passing| passing.marked) {
            self.unpass(id);
        }
        self.read(id, true);
    }

    /// Writes what was read of a stream to those that get it, and reports it. False, and nothing done, where there are none.
    pub(super) fn pass_on(&mut self, id: u32, link: &Arc<LinkShared>, chunks: &mut [Bytes]) -> bool {
        let Some(passing) = self.passing(id) else { return false };
        let Some(walker) = passing.walker.as_mut() else { return false };
        let mut late = passing.late;
        let mut written = std::mem::take(&mut passing.written);
        let size = chunks.iter().map(Bytes::len).sum();
        for one in &mut written {
            one.bytes.reserve(size);
        }
        // The chunk with the header that JavaScript must read, and where in it.
        let stop = chunks.iter().enumerate().find_map(|(place, chunk)| {
            let taken = walker.walk(chunk, &mut written);
            (taken < chunk.len()).then_some((place, taken))
        });
        for one in written.iter_mut().filter(|one| !one.bytes.is_empty()) {
            let bytes = std::mem::take(&mut one.bytes).freeze();
            self.write_passed(&one.to, bytes);
        }
        for (place, mut bytes) in chunks.iter_mut().map(std::mem::take).enumerate() {
            if let Some((_, taken)) = stop.filter(|(at, _)| *at == place) {
                self.report_data(link, id, bytes.split_to(taken), late);
                self.report(Event::Unpassed(link.clone(), id));
                late = false;
            }
            self.report_data(link, id, bytes, late);
        }
        if let Some(stream) = self.stream(id) {
            match stream.passing.as_deref_mut() {
                Some(passing) if stop.is_none() => passing.written = written,
                _ => stream.passing = None,
            }
        }
        true
    }

    fn report_data(&mut self, link: &Arc<LinkShared>, id: u32, bytes: Bytes, late: bool) {
        if !bytes.is_empty() {
            self.report(Event::Data(link.clone(), id, bytes, late));
        }
    }

    fn write_passed(&mut self, to: &[u32], bytes: Bytes) {
        let own = self.worker.index;
        if to.iter().all(|id| self.worker.ids.owner(*id).0 == own) {
            return self.passed(to, &bytes);
        }
        let mut by_worker: Vec<(usize, Vec<u32>)> = Vec::new();
        for id in to {
            let (worker, _) = self.worker.ids.owner(*id);
            match by_worker.iter_mut().find(|(index, _)| *index == worker) {
                Some((_, ids)) => ids.push(*id),
                None => by_worker.push((worker, vec![*id])),
            }
        }
        for (worker, ids) in by_worker {
            if worker == own {
                self.passed(&ids, &bytes);
            } else {
                self.worker.tell(worker, Command::Passed(ids.into(), bytes.clone()));
            }
        }
    }

    /// Writes bytes that were passed on. A stream that is gone gets nothing.
    pub(super) fn passed(&mut self, to: &[u32], bytes: &Bytes) {
        for id in to {
            if self.send_half(*id).is_none() {
                continue;
            }
            let (_, link) = self.worker.ids.owner(*id);
            self.worker.ids.queue(*id, link, bytes.len() as u32);
            self.write(*id, bytes.clone());
        }
    }

    fn passing(&mut self, id: u32) -> Option<&mut Passing> {
        self.stream(id)?.passing.as_deref_mut()
    }

    fn report_of(&mut self, link: u32, event: impl FnOnce(Arc<LinkShared>) -> Event) {
        let Some(link) = self.links.get(&link) else { return };
        let event = event(link.shared.clone());
        self.report(event);
    }
}
