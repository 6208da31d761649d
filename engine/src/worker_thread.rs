//! The thread of a worker: a tokio runtime that runs the worker's loop, the driver of its connections, and the tasks of its links.

use crate::command::Command;
use crate::events::{Event, EventQueue};
use crate::ids::Ids;
use crate::quic::Driver;
use crate::worker::Worker;
use crate::worker_clock::WorkerClock;
use crate::worker_loop;
use std::sync::Arc;

/// A running worker. Dropping this does not end the thread; [`WorkerThread::stop`] does.
pub struct WorkerThread {
    pub worker: Arc<Worker>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl WorkerThread {
    pub fn start(index: usize, event_queue: Arc<EventQueue>, ids: Arc<Ids>) -> std::io::Result<Self> {
        let clock = Arc::new(WorkerClock::start());
        let (waits, works) = (clock.clone(), clock.clone());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .on_thread_park(move || waits.waits())
            .on_thread_unpark(move || works.works())
            .build()?;
        let worker = Arc::new(Worker::new(index, event_queue, ids, runtime.handle().clone(), clock));
        let own = worker.clone();
        let thread = std::thread::Builder::new().name(format!("moqmesh-quic-{index}")).spawn(move || {
            let events = own.event_queue.clone();
            runtime.block_on(async move {
                let warn = Box::new(move |text| events.push(Event::Warning(text)));
                let driver = tokio::spawn(Driver::new(own.driver.clone(), warn).run()).abort_handle();
                // As a task: the runtime asks the kernel for events each time before it goes on with the future that it blocks on.
                let _ = tokio::spawn(worker_loop::run(own, driver)).await;
            });
            // Does not wait for tasks: the look-up of a host name may take long.
            runtime.shutdown_background();
        })?;
        Ok(Self { worker, thread: Some(thread) })
    }

    /// Ends the thread and waits for its end.
    pub fn stop(&mut self) {
        self.worker.push(Command::Shutdown);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
