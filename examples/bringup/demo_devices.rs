//! Robots that drive about: real clients, which record sessions like devices anywhere do.

use fastrand::Rng;
use std::{
    io,
    net::{SocketAddr, TcpStream},
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender},
    thread::{self, JoinHandle},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tungstenite::{Error, HandshakeError, Message, WebSocket};

/// Time between two samples.
const EVERY: Duration = Duration::from_millis(100);
const SAMPLES_PER_SESSION: u32 = 600;
const REST: Duration = Duration::from_secs(8);
/// How long one whose connection is gone waits before it comes back.
const COME_BACK: Duration = Duration::from_secs(3);

/// The running devices; dropped, they end.
pub(crate) struct DemoDevices {
    /// Nothing is ever sent: that they are gone says enough.
    stops: Vec<Sender<()>>,
    threads: Vec<JoinHandle<()>>,
}

impl DemoDevices {
    /// So many, at the server at `at`.
    pub(crate) fn start(at: SocketAddr, count: u64) -> Self {
        let (stops, threads) = (0..count)
            .map(|n| {
                let (stop, stopped) = mpsc::channel();
                let mut device = Device {
                    at,
                    id: format!("AMR_{}", 101 + n),
                    stopped,
                    rng: Rng::with_seed(101 + n),
                    angle: n as f64,
                    battery: 96.0,
                };
                (stop, thread::spawn(move || device.live()))
            })
            .unzip();
        Self { stops, threads }
    }
}

impl Drop for DemoDevices {
    fn drop(&mut self) {
        self.stops.clear();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                eprintln!("bringup: a demo device has panicked");
            }
        }
    }
}

struct Device {
    at: SocketAddr,
    id: String,
    stopped: Receiver<()>,
    rng: Rng,
    /// Where on its round it is, in radians.
    angle: f64,
    battery: f64,
}

impl Device {
    fn live(&mut self) {
        loop {
            // The server goes, or has no room: whatever it was, a device comes back.
            if let Err(error) = self.connect() {
                log::debug!("{}: {error}", self.id);
            }
            if self.is_stopped_within(COME_BACK) {
                return;
            }
        }
    }

    fn is_stopped_within(&self, pause: Duration) -> bool {
        self.stopped.recv_timeout(pause) != Err(RecvTimeoutError::Timeout)
    }

    /// One session after the other, until the connection ends.
    fn connect(&mut self) -> Result<(), Error> {
        let stream = TcpStream::connect(self.at)?;
        stream.set_nodelay(true)?;
        let url = format!("ws://{}/ws/device", self.at);
        let (mut socket, _) = tungstenite::client(url, stream).map_err(|error| match error {
            HandshakeError::Failure(error) => error,
            HandshakeError::Interrupted(_) => io::Error::from(io::ErrorKind::TimedOut).into(),
        })?;
        loop {
            self.say(&mut socket, "session_start", "")?;
            for _ in 0..SAMPLES_PER_SESSION {
                self.listen(&mut socket, EVERY)?;
                let sample = self.sample();
                self.say(&mut socket, "sensor_data", &sample)?;
            }
            self.say(&mut socket, "session_end", "")?;
            self.listen(&mut socket, REST)?;
        }
    }

    /// Hears what the server says for so long, which is also what answers its pings.
    fn listen(&self, socket: &mut WebSocket<TcpStream>, time: Duration) -> Result<(), Error> {
        let until = Instant::now() + time;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            socket.get_ref().set_read_timeout(Some(left))?;
            match socket.read() {
                Ok(message) => log::trace!("{} hears {message}", self.id),
                Err(Error::Io(error))
                    if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn say(&self, socket: &mut WebSocket<TcpStream>, kind: &str, more: &str) -> Result<(), Error> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        let id = &self.id;
        socket
            .send(Message::text(format!(r#"{{"type":"{kind}","deviceId":"{id}","timestamp":{now}{more}}}"#)))
    }

    /// The next moment of its round, as fields of a message.
    fn sample(&mut self) -> String {
        let speed = 1.2 + 0.4 * (3.0 * self.angle).sin() + 0.1 * self.rng.f64();
        self.angle += speed * EVERY.as_secs_f64() / 12.0;
        self.battery = if self.battery < 20.0 { 96.0 } else { self.battery - 0.01 };
        let (x, y, battery) = (12.0 * self.angle.cos(), 7.0 * self.angle.sin(), self.battery);
        format!(r#","x":{x:.2},"y":{y:.2},"speed":{speed:.2},"battery":{battery:.1}"#)
    }
}
